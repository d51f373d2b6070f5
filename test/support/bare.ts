import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../../relay/config/options.ts";
import { CLIENTS_FOLDER } from "../clients/start-client.ts";
import { Authority } from "../network/reach/authority.ts";

const INSTALL = resolve("test/package/bare/install.sh");

/** Where Bare's packages are. */
export const BARE_PACKAGES: string = join(CLIENTS_FOLDER, "bare/node_modules");

/** The program itself. */
export const BARE: string = join(BARE_PACKAGES, "bare/bin/bare");

/** Whether it is there as the tests want it. */
export function hasBare(): boolean {
  try {
    execFileSync(INSTALL, ["--has"], { env: { ...process.env, POSTERN_CLIENTS: CLIENTS_FOLDER } });
    return true;
  } catch {
    return false;
  }
}

/** How a relay has a certificate of an authority, which bare-tls wants: it trusts none that signs itself. @returns PEM to trust, too. */
export function authorizedTls(): { readonly ca: string; readonly config: Partial<Config> } {
  const authority = new Authority("Example");
  const { certificate, key } = authority.issue("localhost");
  return {
    ca: readFileSync(authority.files.certificate, "utf8"),
    config: { tls: "files", tlsCertFile: certificate, tlsKeyFile: key },
  };
}
