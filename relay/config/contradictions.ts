import { isIP } from "node:net";
import { namedDialects, readListeners } from "./listener-text.ts";
import type { Config, OptionName } from "./options.ts";
import { areInPairs, readStunAddresses } from "./stun-address-text.ts";
import { readVirtualHosts } from "./virtual-host-text.ts";

/** What is registered with one process the others of a port would not know. */
const DIALECTS_WITH_ACCOUNTS: ReadonlySet<string> = new Set(["agent", "mesh"]);

/** A rule about some options together: a sentence for each fault, with what to do. */
type Rule = { readonly names: readonly OptionName[]; readonly check: (config: Config) => readonly string[] };

/** @param check reads no options but those that are named: the type sees to it. */
function rule<Name extends OptionName>(
  names: readonly Name[],
  check: (config: Pick<Config, Name>) => readonly string[],
): Rule {
  return { names, check };
}

const rules: readonly Rule[] = [
  rule(["outboxHighWaterBytes", "maxOutboxBytes"], ({ outboxHighWaterBytes, maxOutboxBytes }) =>
    outboxHighWaterBytes > maxOutboxBytes
      ? [`OUTBOX_HIGH_WATER_BYTES is ${outboxHighWaterBytes}, above MAX_OUTBOX_BYTES, which is ${maxOutboxBytes}`]
      : [],
  ),
  rule(["pingIntervalMs", "sweepIntervalMs"], ({ pingIntervalMs, sweepIntervalMs }) =>
    pingIntervalMs > sweepIntervalMs
      ? [`PING_INTERVAL_MS is ${pingIntervalMs}, above SWEEP_INTERVAL_MS, which is ${sweepIntervalMs}`]
      : [],
  ),
  rule(["tls", "domain"], ({ tls, domain }) =>
    tls === "acme" && domain.length === 0
      ? ["TLS is acme and there is no name for the certificate; set DOMAIN or --domain to what clients dial"]
      : [],
  ),
  rule(["tls", "domain", "acmeDirectory"], ({ tls, domain, acmeDirectory }) =>
    tls === "acme" && acmeDirectory.startsWith("letsencrypt") && domain.some(isWithoutDot)
      ? ["DOMAIN has a name without a dot; Let's Encrypt certifies public names only, such as relay.example.com"]
      : [],
  ),
  rule(["tls", "acmeEabKeyId", "acmeEabHmacKey"], ({ tls, acmeEabKeyId, acmeEabHmacKey }) =>
    tls === "acme" && (acmeEabKeyId === "") !== (acmeEabHmacKey === "")
      ? ["ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY go together; set both or neither"]
      : [],
  ),
  rule(["tls", "acmeHttpPort", "port"], ({ tls, acmeHttpPort, port }) =>
    tls === "acme" ? samePorts(["ACME_HTTP_PORT", acmeHttpPort], ["PORT", port]) : [],
  ),
  rule(["tls", "acmeHttpPort", "adminPort"], ({ tls, acmeHttpPort, adminPort }) =>
    tls === "acme" ? samePorts(["ADMIN_PORT", adminPort], ["ACME_HTTP_PORT", acmeHttpPort]) : [],
  ),
  rule(["tls", "tlsKeyFile"], ({ tls, tlsKeyFile }) => missingFile(tls, "TLS_KEY_FILE", tlsKeyFile)),
  rule(["tls", "tlsCertFile"], ({ tls, tlsCertFile }) => missingFile(tls, "TLS_CERT_FILE", tlsCertFile)),
  rule(["proxyProtocol", "trustedProxies"], ({ proxyProtocol, trustedProxies }) =>
    proxyProtocol && trustedProxies.length === 0
      ? ["PROXY_PROTOCOL is true and TRUSTED_PROXIES is not set; set it to the addresses of your load balancers"]
      : [],
  ),
  rule(["auth", "authKeysFile", "authKeySet", "authJwksUrl"], ({ auth, ...sources }) => {
    const count = [sources.authKeysFile, sources.authKeySet, sources.authJwksUrl].filter((text) => text !== "").length;
    if (auth !== "tokens" || count === 1) return [];
    return [`AUTH is tokens and ${count} of AUTH_KEYS_FILE, AUTH_KEY_SET and AUTH_JWKS_URL are set; set exactly one`];
  }),
  rule(["auth", "authJwksRefreshMs", "authJwksMaxAgeMs"], ({ auth, authJwksRefreshMs, authJwksMaxAgeMs }) =>
    auth === "tokens" && authJwksRefreshMs > authJwksMaxAgeMs
      ? [`AUTH_JWKS_REFRESH_MS is ${authJwksRefreshMs}, above AUTH_JWKS_MAX_AGE_MS, which is ${authJwksMaxAgeMs}`]
      : [],
  ),
  rule(["dialects", "listen", "virtualHosts", "mailboxStore"], ({ mailboxStore, ...named }) =>
    mailboxStore === "off" && namedDialects(named).includes("mailbox")
      ? ["DIALECTS, LISTEN or VIRTUAL_HOSTS names mailbox, and MAILBOX_STORE is off; set it to sqlite"]
      : [],
  ),
  rule(["mailboxNoiseKey"], ({ mailboxNoiseKey }) =>
    mailboxNoiseKey === "" || /^([0-9a-f]{64}|[A-Za-z0-9_-]{43}=?)$/i.test(mailboxNoiseKey)
      ? []
      : ["MAILBOX_NOISE_KEY is no key of 32 bytes, as 64 hex digits or as base64url"],
  ),
  rule(["mailboxStore", "mailboxMaxBytes", "mailboxMaxMessages"], ({ mailboxStore, ...limits }) =>
    mailboxStore === "memory" && (limits.mailboxMaxBytes === 0 || limits.mailboxMaxMessages === 0)
      ? [
          "MAILBOX_STORE is memory, and MAILBOX_MAX_BYTES or MAILBOX_MAX_MESSAGES is 0, which is no limit; set what the memory has room for",
        ]
      : [],
  ),
  rule(["stunAddresses"], ({ stunAddresses }) =>
    areInPairs(readStunAddresses(stunAddresses))
      ? []
      : [
          "STUN_ADDRESSES takes two different IPv4 addresses, two different IPv6 ones, or both; write them, or leave it out",
        ],
  ),
  rule(["stunAddresses", "stunPort"], ({ stunAddresses, stunPort }) =>
    stunAddresses.length > 0 && stunPort === 0 ? ["STUN_ADDRESSES is set and STUN_PORT is not; set it to 3478"] : [],
  ),
  rule(["stunAddresses", "stunPort", "stunOtherPort"], ({ stunAddresses, stunPort, stunOtherPort }) =>
    stunAddresses.length > 0 && stunPort === stunOtherPort
      ? [`STUN_OTHER_PORT is ${stunOtherPort}, which is STUN_PORT too; set it to another port`]
      : [],
  ),
  rule(["adminPort", "port"], ({ adminPort, port }) => samePorts(["ADMIN_PORT", adminPort], ["PORT", port])),
  rule(["dialects", "listen", "virtualHosts", "reusePort"], ({ reusePort, ...named }) => {
    const kept = namedDialects(named).filter((name) => DIALECTS_WITH_ACCOUNTS.has(name));
    if (!reusePort || kept.length === 0) return [];
    return [
      `REUSE_PORT is true, and ${kept.join(" and ")} keeps accounts, which one process has; leave one of them out`,
    ];
  }),
  rule(["virtualHosts"], ({ virtualHosts }) => {
    const hosts = readVirtualHosts(virtualHosts).map(({ host }) => host);
    const twice = hosts.filter((host, index) => hosts.indexOf(host) !== index);
    return [...new Set(twice)].map(
      (host) => `VIRTUAL_HOSTS has ${host} twice; write its dialects with a plus between them`,
    );
  }),
  rule(["virtualHosts", "tls", "domain"], ({ virtualHosts, tls, domain }) =>
    readVirtualHosts(virtualHosts)
      .filter(({ host }) => tls === "acme" && !domain.includes(host))
      .map(({ host }) => `VIRTUAL_HOSTS has ${host} and DOMAIN does not, so no certificate is for it; add it there`),
  ),
  rule(["listen", "tls"], ({ listen, tls }) =>
    tls === "off" && readListeners(listen).some(({ scheme }) => scheme === "wss")
      ? ["LISTEN has a port with TLS, and TLS is off; write ws in place of wss, or leave TLS out"]
      : [],
  ),
  rule(["listen", "port", "adminPort", "acmeHttpPort", "tls"], ({ listen, port, adminPort, acmeHttpPort, tls }) => {
    const own: readonly NamedPort[] = [
      ["PORT", port],
      ["ADMIN_PORT", adminPort],
      ["ACME_HTTP_PORT", tls === "acme" ? acmeHttpPort : 0],
    ];
    const ports = readListeners(listen).map((listener) => listener.port);
    const twice = ports.filter((one, index) => ports.indexOf(one) !== index);
    return [
      ...new Set(twice.map((one) => `LISTEN has port ${one} twice; write its dialects with a plus between them`)),
      ...ports.flatMap((one) => own.flatMap((named) => samePorts(["LISTEN", one], named))),
    ];
  }),
  rule(["adminPort", "adminHost", "adminToken"], ({ adminPort, adminHost, adminToken }) =>
    adminPort !== 0 && adminToken === "" && !isLoopback(adminHost)
      ? [
          `ADMIN_HOST is ${adminHost}, which others can reach, and ADMIN_TOKEN is not set; set it, or leave ADMIN_HOST out`,
        ]
      : [],
  ),
];

/**
 * What each option allows alone, but not together: a sentence for each, with what to do.
 * @param config what could be read; a rule about an option that could not is left out.
 */
export function contradictions(config: Partial<Config>): readonly string[] {
  return rules
    .filter(({ names }) => names.every((name) => config[name] !== undefined))
    .flatMap(({ check }) => check(config as Config));
}

type NamedPort = readonly [variable: string, port: number];

/** 0 opens none, or a free one. */
function samePorts([variable, port]: NamedPort, [other, otherPort]: NamedPort): readonly string[] {
  if (port === 0 || port !== otherPort) return [];
  return [`${variable} is ${port}, which is ${other} too; set it to 0 or to another port`];
}

function missingFile(tls: Config["tls"], variable: string, path: string): readonly string[] {
  return tls === "files" && path === ""
    ? [`TLS is files and ${variable} is not set; it takes the path of a PEM file`]
    : [];
}

function isWithoutDot(name: string): boolean {
  return isIP(name) === 0 && !name.includes(".");
}

/** RFC 6890: the addresses that only this machine reaches. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
