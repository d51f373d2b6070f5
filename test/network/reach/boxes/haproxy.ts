import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LineProcess } from "../../../support/line-process.ts";
import { INTERCEPT_PORT, RELAY_ADDRESS, RELAY_NAME } from "../addresses.ts";
import type { Office } from "../office.ts";

/** What HAProxy does with what is redirected to it. */
export type HaproxyKind =
  /** Reads the name in the ClientHello, and lets this one through. */
  | { readonly kind: "name-filter"; readonly lets: string }
  /** Looks into TLS. @property refusesUpgrades it answers them 403. */
  | { readonly kind: "intercept"; readonly refusesUpgrades?: boolean };

/** Starts HAProxy in the box, on INTERCEPT_PORT. */
export function startHaproxy(office: Office, kind: HaproxyKind): Promise<LineProcess> {
  const file = join(office.folder, "haproxy.cfg");
  writeFileSync(file, configuration(office, kind).join("\n"));
  return office.serve(INTERCEPT_PORT, ["haproxy", "-db", "-f", file]);
}

function configuration(office: Office, kind: HaproxyKind): readonly string[] {
  const times = ["  timeout connect 10s", "  timeout client 5m", "  timeout server 5m", "  timeout tunnel 5m"];
  return kind.kind === "name-filter"
    ? ["defaults", "  mode tcp", ...times, ...nameFilter(kind.lets), ""]
    : ["defaults", "  mode http", ...times, ...interception(office, kind), ""];
}

function nameFilter(lets: string): readonly string[] {
  return [
    "frontend tls",
    `  bind :${INTERCEPT_PORT}`,
    "  tcp-request inspect-delay 5s",
    `  tcp-request content accept if { req.ssl_sni -i ${lets} }`,
    "  tcp-request content reject if WAIT_END",
    "  tcp-request content reject if { req.ssl_hello_type 1 }",
    "  default_backend relay",
    "backend relay",
    `  server relay ${RELAY_ADDRESS}:443`,
  ];
}

function interception(office: Office, { refusesUpgrades }: { readonly refusesUpgrades?: boolean }): readonly string[] {
  const { corporateRoot, publicRoot } = office.lab;
  const tls = `ssl verify required ca-file ${publicRoot.files.certificate} sni str(${RELAY_NAME}) verifyhost ${RELAY_NAME}`;
  return [
    "frontend tls",
    `  bind :${INTERCEPT_PORT} ssl crt ${corporateRoot.issue(RELAY_NAME).both} alpn h2,http/1.1`,
    ...(refusesUpgrades === true ? ["  http-request deny deny_status 403 if { hdr(Upgrade) -i websocket }"] : []),
    "  default_backend relay",
    "backend relay",
    `  server relay ${RELAY_ADDRESS}:443 ${tls}`,
  ];
}
