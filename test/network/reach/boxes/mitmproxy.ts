import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { LineProcess } from "../../../support/line-process.ts";
import { INTERCEPT_PORT, PROXY_PORT } from "../addresses.ts";
import type { Office } from "../office.ts";

/** Starts mitmproxy in the box, which intercepts TLS with certificates of the company's authority. @param mode who it serves: those who ask it, on PROXY_PORT, or all whom the box redirects, on INTERCEPT_PORT. */
export function startMitmproxy(office: Office, mode: "asked" | "transparent"): Promise<LineProcess> {
  const port = mode === "asked" ? PROXY_PORT : INTERCEPT_PORT;
  const { corporateRoot, publicRoot } = office.lab;
  const settings = join(office.folder, "mitmproxy");
  mkdirSync(settings);
  execFileSync("cp", [corporateRoot.files.both, join(settings, "mitmproxy-ca.pem")]);
  return office.serve(port, [
    "mitmdump",
    "--quiet",
    "--mode",
    mode === "asked" ? "regular" : "transparent",
    "--listen-port",
    `${port}`,
    "--set",
    `confdir=${settings}`,
    "--set",
    `ssl_verify_upstream_trusted_ca=${publicRoot.files.certificate}`,
  ]);
}
