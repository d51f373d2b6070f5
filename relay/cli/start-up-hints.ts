import { isIP } from "node:net";
import type { Config } from "../config/options.ts";
import { PRIVILEGED_PORT_WAYS } from "../http/listener.ts";
import { memoryBoundBytes } from "../limits/memory-bound.ts";
import type { RelayAddress } from "../open-port.ts";
import type { CertificateStatus } from "../tls/source.ts";
import { VERSION } from "../version.ts";

const MEBIBYTE = 1_048_576;

/** What a newcomer does next: what to dial, what is in the way of it, and lines to paste. */
export function startUpHints(
  config: Config,
  { port, fingerprint }: RelayAddress,
  certificate: CertificateStatus | undefined,
): string {
  const { port: wantedPort, tls } = config;
  const shownPort = port === (tls === "off" ? 80 : 443) ? "" : `:${port}`;
  const url = `${tls === "off" ? "ws" : "wss"}://${shownHost(config)}${shownPort}`;
  const lines = ["", `  Postern relay ${VERSION} on ${url}`, ""];
  if (wantedPort !== 0 && port !== wantedPort) {
    lines.push(`  Port ${wantedPort} is not permitted for this user, so it is ${port}. To get ${wantedPort}:`);
    lines.push(...PRIVILEGED_PORT_WAYS.map((way) => `    - ${way}`), "");
  }
  if (certificate !== undefined) lines.push(...certificateHints(certificate, fingerprint ?? ""), "");
  const trust = tls === "self-signed" ? ` --fingerprint ${fingerprint}` : "";
  const token = config.auth === "tokens" ? " --token-file <path>" : "";
  lines.push(`  Memory bound with these options: ${Math.ceil(memoryBoundBytes(config) / MEBIBYTE)} MiB`, "");
  lines.push(
    "  Talk through it, in two more terminals:",
    `    npm run postern-client -- join ${url} my-topic${trust}${token}`,
    "",
    "",
  );
  return lines.join("\n");
}

/** What to dial: a certificate of an authority is for its names alone. */
function shownHost({ tls, domain, host }: Config): string {
  const [name] = domain;
  if (tls !== "self-signed" && name !== undefined) return isIP(name) === 6 ? `[${name}]` : name;
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return isIP(host) === 6 ? `[${host}]` : host;
}

function certificateHints(status: CertificateStatus, fingerprint: string): readonly string[] {
  const { source, isStandIn, names, issuer, expiresAtMs } = status;
  if (source === "self-signed") {
    return ["  Development certificate, self-signed. SHA-256 fingerprint:", `    ${fingerprint}`];
  }
  if (isStandIn) {
    return [
      `  No certificate for ${names.join(", ")} yet. It is ordered in the background; until it is there, a self-signed`,
      "  one stands in, and /ready says no-certificate. Follow it in the log, or with the same options and:",
      "    npm run postern -- cert status",
    ];
  }
  const ends = new Date(expiresAtMs).toISOString().slice(0, 10);
  return [`  Certificate for ${names.join(", ")}, issued by ${issuer}, good until ${ends}.`];
}
