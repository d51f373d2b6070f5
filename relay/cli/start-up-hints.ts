import { isIP } from "node:net";
import type { Config } from "../config/options.ts";
import { readStunAddresses } from "../config/stun-address-text.ts";
import { isInstalled, relayCommand } from "../installation.ts";
import { PRIVILEGED_PORT_WAYS } from "../listen-error.ts";
import type { RelayAddress } from "../open-port.ts";
import type { CertificateStatus } from "../tls/source.ts";
import { VERSION } from "../version.ts";

/** What a newcomer does next: what to dial, whom to trust, where to try it, and what is in the way of it. */
export function startUpHints(
  config: Config,
  { port, fingerprint }: RelayAddress,
  certificate: CertificateStatus | undefined,
): string {
  const { port: wantedPort, tls } = config;
  const isEncrypted = tls !== "off";
  const authority = `${shownHost(config)}${port === (isEncrypted ? 443 : 80) ? "" : `:${port}`}`;
  const url = `${isEncrypted ? "wss" : "ws"}://${authority}`;
  const trust = tls === "self-signed" ? ` --fingerprint ${fingerprint}` : "";
  const token = config.auth === "tokens" ? " --token-file <path>" : "";
  const join = isInstalled ? "postern join" : "npm run postern-client -- join";
  const lines = [
    "",
    `  Postern ${VERSION} relays on ${url}`,
    "",
    ...row("Certificate", certificateHints(certificate, fingerprint ?? "")),
    ...(config.tryItPage ? row("Try it", tryItHints(`${isEncrypted ? "https" : "http"}://${authority}/`, config)) : []),
    ...row("Or type", [`${join} ${url} my-topic${trust}${token}`, "in two more terminals, and talk"]),
    ...(config.stunPort === 0 ? [] : row("STUN", [`stun:${stunHost(config)}:${config.stunPort} (UDP)`])),
  ];
  if (wantedPort !== 0 && port !== wantedPort) {
    lines.push(`  Port ${wantedPort} is not permitted for this user, so it is ${port}. To get ${wantedPort}:`);
    lines.push(...PRIVILEGED_PORT_WAYS.map((way) => `    - ${way}`), "");
  }
  lines.push("", "");
  return lines.join("\n");
}

/** A word, and beside it what is to be said of it. */
function row(word: string, [first = "", ...others]: readonly string[]): readonly string[] {
  return [`  ${word.padEnd(LABEL_WIDTH)}${first}`, ...others.map((line) => `  ${" ".repeat(LABEL_WIDTH)}${line}`), ""];
}

const LABEL_WIDTH = 13;

function tryItHints(url: string, { tls, auth }: Config): readonly string[] {
  return [
    `${url} in a browser`,
    ...(tls === "self-signed" ? ["It warns of the certificate: nobody but this relay has signed it."] : []),
    ...(auth === "tokens" ? ["The page asks for a token."] : []),
  ];
}

/** A name leads to the relay's own address, which need not be one of STUN's. */
function stunHost(config: Config): string {
  const [first] = readStunAddresses(config.stunAddresses);
  if (first === undefined) return shownHost(config);
  return first.version === 6 ? `[${first.public}]` : first.public;
}

/** What to dial: a certificate of an authority is for its names alone. */
function shownHost({ tls, domain, host }: Config): string {
  const [name] = domain;
  if (tls !== "self-signed" && name !== undefined) return isIP(name) === 6 ? `[${name}]` : name;
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return isIP(host) === 6 ? `[${host}]` : host;
}

function certificateHints(status: CertificateStatus | undefined, fingerprint: string): readonly string[] {
  if (status === undefined) return ["none: no TLS"];
  const { source, isStandIn, names, issuer, expiresAtMs } = status;
  if (source === "self-signed") return ["self-signed, for development. SHA-256 fingerprint:", fingerprint];
  if (isStandIn) {
    return [
      `none yet for ${names.join(", ")}: it is ordered in the background. Until it is there, a self-signed one`,
      "stands in, and /ready says no-certificate. Follow it in the log, or with the same options and:",
      relayCommand("cert status"),
    ];
  }
  const ends = new Date(expiresAtMs).toISOString().slice(0, 10);
  return [`for ${names.join(", ")}, issued by ${issuer}, good until ${ends}`];
}
