import { isIP } from "node:net";
import type { Config } from "./options.ts";

/** What each option allows alone, but not together: a sentence for each, with what to do. */
export function contradictions(config: Config): readonly string[] {
  return [
    ...aboutOutboxes(config),
    ...aboutPings(config),
    ...aboutAcme(config),
    ...aboutFiles(config),
    ...aboutProxies(config),
    ...aboutAccess(config),
    ...aboutAdmin(config),
  ];
}

function aboutOutboxes({ outboxHighWaterBytes, maxOutboxBytes }: Config): readonly string[] {
  if (outboxHighWaterBytes <= maxOutboxBytes) return [];
  return [`OUTBOX_HIGH_WATER_BYTES is ${outboxHighWaterBytes}, above MAX_OUTBOX_BYTES, which is ${maxOutboxBytes}`];
}

function aboutPings({ pingIntervalMs, sweepIntervalMs }: Config): readonly string[] {
  if (pingIntervalMs <= sweepIntervalMs) return [];
  return [`PING_INTERVAL_MS is ${pingIntervalMs}, above SWEEP_INTERVAL_MS, which is ${sweepIntervalMs}`];
}

function aboutAcme(config: Config): readonly string[] {
  if (config.tls !== "acme") return [];
  const problems: string[] = [];
  if (config.domain.length === 0) {
    problems.push("TLS is acme and there is no name for the certificate; set DOMAIN or --domain to what clients dial");
  }
  if (config.domain.some((name) => isIP(name) === 0 && !name.includes(".")) && isLetsEncrypt(config)) {
    problems.push(
      "DOMAIN has a name without a dot; Let's Encrypt certifies public names only, such as relay.example.com",
    );
  }
  if ((config.acmeEabKeyId === "") !== (config.acmeEabHmacKey === "")) {
    problems.push("ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY go together; set both or neither");
  }
  if (config.acmeHttpPort !== 0 && config.acmeHttpPort === config.port) {
    problems.push(`ACME_HTTP_PORT is ${config.acmeHttpPort}, which is PORT too; set it to 0 or to another port`);
  }
  return problems;
}

function aboutFiles({ tls, tlsKeyFile, tlsCertFile }: Config): readonly string[] {
  if (tls !== "files" || (tlsKeyFile !== "" && tlsCertFile !== "")) return [];
  const missing = [tlsKeyFile === "" ? "TLS_KEY_FILE" : "", tlsCertFile === "" ? "TLS_CERT_FILE" : ""];
  return missing
    .filter((name) => name !== "")
    .map((name) => `TLS is files and ${name} is not set; it takes the path of a PEM file`);
}

function aboutAdmin({ adminPort, adminHost, adminToken, port }: Config): readonly string[] {
  if (adminPort === 0) return [];
  const problems: string[] = [];
  if (adminPort === port)
    problems.push(`ADMIN_PORT is ${adminPort}, which is PORT too; set it to 0 or to another port`);
  if (adminToken === "" && !isLoopback(adminHost)) {
    problems.push(
      `ADMIN_HOST is ${adminHost}, which others can reach, and ADMIN_TOKEN is not set; set it, or leave ADMIN_HOST out`,
    );
  }
  return problems;
}

/** RFC 6890: the addresses that only this machine reaches. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function aboutAccess(config: Config): readonly string[] {
  if (config.auth !== "tokens") return [];
  const problems: string[] = [];
  const sources = [config.authKeysFile, config.authKeySet, config.authJwksUrl].filter((source) => source !== "");
  if (sources.length !== 1) {
    problems.push(
      `AUTH is tokens and ${sources.length} of AUTH_KEYS_FILE, AUTH_KEY_SET and AUTH_JWKS_URL are set; set exactly one`,
    );
  }
  if (config.authJwksRefreshMs > config.authJwksMaxAgeMs) {
    problems.push(
      `AUTH_JWKS_REFRESH_MS is ${config.authJwksRefreshMs}, above AUTH_JWKS_MAX_AGE_MS, which is ${config.authJwksMaxAgeMs}`,
    );
  }
  return problems;
}

function aboutProxies({ proxyProtocol, trustedProxies }: Config): readonly string[] {
  if (!proxyProtocol || trustedProxies.length > 0) return [];
  return ["PROXY_PROTOCOL is true and TRUSTED_PROXIES is not set; set it to the addresses of your load balancers"];
}

function isLetsEncrypt({ acmeDirectory }: Config): boolean {
  return acmeDirectory.startsWith("letsencrypt");
}
