import { BlockList, isIP } from "node:net";
import type { Logger } from "pino";
import { readListeners } from "../config/listener-text.ts";
import type { LoadedConfig } from "../config/load.ts";
import { descriptorsFor } from "../http/descriptors.ts";
import type { RelayAddress } from "../open-port.ts";

/** Logs what an operator may not have meant, at the start: nothing of it stops a relay. */
export function warnAtStart(log: Logger, { config, warnings }: LoadedConfig, { host, port }: RelayAddress): void {
  for (const reason of warnings) log.warn({ reason }, "a variable has no effect");
  if (config.port !== 0 && port !== config.port) {
    log.warn({ wanted: config.port, port }, "port not permitted: listening on another");
  }
  if (config.tls === "self-signed" && config.environment.startsWith("prod")) {
    log.warn("serving a self-signed development certificate in production");
  }
  if (config.tls === "off" && isPublic(host)) {
    log.warn({ host }, "serving without TLS on a public address: only a proxy may reach this port");
  }
  for (const { scheme, port: furtherPort } of readListeners(config.listen)) {
    if (scheme === "ws-anywhere") log.warn({ port: furtherPort }, "a further port is without TLS, for everybody");
  }
  if (config.auth === "tokens" && config.authJwksUrl !== "" && config.authAudience === "") {
    log.warn("taking tokens for every audience: set AUTH_AUDIENCE where the issuer serves others too");
  }
  if (config.reusePort && config.polling === "auto") {
    log.info("the long poll is off: relays that share a port would each get a part of a client's requests");
  }
  const { limit, wanted } = descriptorsFor({ ...config, portCount: config.listen.length + 1 });
  if (limit < wanted) {
    log.warn({ limit, wanted }, "the limit of open files is below what MAX_CONNECTIONS wants");
  }
}

/** RFC 6890: loopback, link-local and private addresses; everything else, and every wildcard, may be reached from outside. */
function isPublic(host: string): boolean {
  const inside = new BlockList();
  for (const [network, prefix] of [
    ["127.0.0.0", 8],
    ["10.0.0.0", 8],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16],
    ["169.254.0.0", 16],
  ] as const) {
    inside.addSubnet(network, prefix, "ipv4");
  }
  for (const [network, prefix] of [
    ["::1", 128],
    ["fc00::", 7],
    ["fe80::", 10],
  ] as const) {
    inside.addSubnet(network, prefix, "ipv6");
  }
  const version = isIP(host);
  return version === 0 ? host !== "localhost" : !inside.check(host, version === 4 ? "ipv4" : "ipv6");
}
