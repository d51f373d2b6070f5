import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LineProcess } from "../../../support/line-process.ts";
import { INTERCEPT_PORT, PROXY_PORT } from "../addresses.ts";
import type { Office } from "../office.ts";

/** How the proxy of a company is set. */
export type SquidOptions = {
  /** Who may use it, with Basic authentication; left out: everybody. */
  readonly basic?: { readonly user: string; readonly password: string };
  /** A name that it does not connect to. */
  readonly denies?: string;
  /**
   * It intercepts TLS, with certificates of the company's authority: for those who ask it, or for all without a word.
   * Squid as it is shipped takes the Upgrade header away.
   */
  readonly intercept?: { readonly isTransparent?: boolean; readonly letsUpgrade?: boolean };
};

const HELPERS = "/usr/lib/squid";

/** What a Squid that intercepts TLS needs: Debian has it in squid-openssl, and not in squid. */
export const BUMPING_SQUID: readonly string[] = ["squid", `${HELPERS}/security_file_certgen`];

/** Starts Squid in the box: CONNECT to port 443 alone. */
export function startSquid(office: Office, options: SquidOptions = {}): Promise<LineProcess> {
  const { folder } = office;
  const file = join(folder, "squid.conf");
  writeFileSync(file, configuration(office, options));
  // It gives up being root, and writes nothing but what it has to.
  chmodSync(folder, 0o777);
  const command = ["squid", "-N", "-n", `box${process.pid}n${office.number}`, "-f", file];
  return office.serve(PROXY_PORT, command);
}

function configuration(office: Office, { basic, denies, intercept }: SquidOptions): string {
  return [
    ...(intercept === undefined ? [`http_port ${PROXY_PORT}`] : interception(office, intercept)),
    "acl tls_port port 443",
    "http_access deny CONNECT !tls_port",
    ...(denies === undefined ? [] : [`acl denied dstdomain ${denies}`, "http_access deny denied"]),
    ...(basic === undefined ? [] : authentication(office, basic)),
    "http_access allow all",
    "pid_filename none",
    "access_log none",
    "cache_log stdio:/dev/stderr",
    "cache deny all",
    "memory_cache_shared off",
    `coredump_dir ${office.folder}`,
    "shutdown_lifetime 0 seconds",
    "",
  ].join("\n");
}

function authentication({ folder }: Office, { user, password }: { user: string; password: string }): readonly string[] {
  const file = join(folder, "passwords");
  const hash = execFileSync("openssl", ["passwd", "-apr1", password], { encoding: "utf8" }).trim();
  writeFileSync(file, `${user}:${hash}\n`, { mode: 0o644 });
  return [
    `auth_param basic program ${HELPERS}/basic_ncsa_auth ${file}`,
    "auth_param basic realm Example Corp",
    "acl known proxy_auth REQUIRED",
    "http_access deny !known",
  ];
}

function interception(
  office: Office,
  { isTransparent = false, letsUpgrade = false }: NonNullable<SquidOptions["intercept"]>,
): readonly string[] {
  const { folder, lab } = office;
  const certificate = join(folder, "corporate.pem");
  execFileSync("cp", [lab.corporateRoot.files.both, certificate]);
  chmodSync(certificate, 0o644);
  mkdirSync(join(folder, "certificates"), { mode: 0o777 });
  const database = join(folder, "certificates", "db");
  execFileSync(`${HELPERS}/security_file_certgen`, ["-c", "-s", database, "-M", "4MB"], { stdio: "ignore" });
  execFileSync("chmod", ["-R", "a+rwX", join(folder, "certificates")]);
  const bump = `ssl-bump generate-host-certificates=on tls-cert=${certificate}`;
  return [
    isTransparent ? `http_port ${PROXY_PORT}` : `http_port ${PROXY_PORT} ${bump}`,
    ...(isTransparent ? [`https_port ${INTERCEPT_PORT} intercept ${bump}`] : []),
    `sslcrtd_program ${HELPERS}/security_file_certgen -s ${database} -M 4MB`,
    "acl hello at_step SslBump1",
    "ssl_bump peek hello",
    "ssl_bump bump all",
    `tls_outgoing_options cafile=${lab.publicRoot.files.certificate}`,
    ...(letsUpgrade ? ["http_upgrade_request_protocols websocket allow all"] : []),
  ];
}
