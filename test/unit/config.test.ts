import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";

const load = (env: Record<string, string>, flags = {}) => loadConfig({ env, flags });

it("has every default inside its own range", () => {
  const env = Object.fromEntries(optionRows().map(([, option]) => [option.env, String(option.default)]));

  expect(load(env).config).toEqual(load({}).config);
});

it("lets a flag win over a variable, and a variable over the default", () => {
  const { config, sources } = load({ PORT: "1", HOST: "::" }, { port: "2" });

  expect(config).toMatchObject({ port: 2, host: "::", logLevel: "info" });
  expect(sources).toMatchObject({ port: "flag", host: "variable", logLevel: "default" });
});

it("takes an empty variable as unset, and spaces around a value as nothing", () => {
  expect(load({ PORT: " ", MAX_CONNECTIONS: " 5 " })).toMatchObject({
    config: { port: 443, maxConnections: 5 },
    sources: { port: "default", maxConnections: "variable" },
  });
});

it.each([
  ["0", 0],
  ["65535", 65_535],
])("takes PORT=%s, at the bound", (text, port) => {
  expect(load({ PORT: text }).config.port).toBe(port);
});

it.each(["-1", "65536", "1.5", "0x10", "1e3", "443 tcp", "9".repeat(30)])("refuses PORT=%s", (text) => {
  expect(() => load({ PORT: text })).toThrow(/^variable PORT is ".*"; it takes 0 to 65535$/);
});

it("refuses a high-water mark above the hard limit", () => {
  const env = { OUTBOX_HIGH_WATER_BYTES: "200000", MAX_OUTBOX_BYTES: "100000" };

  expect(() => load(env)).toThrow("OUTBOX_HIGH_WATER_BYTES is 200000, above MAX_OUTBOX_BYTES, which is 100000");
});

it("refuses an admin port that others reach without a token, and takes it with one or on loopback", () => {
  const others = { ADMIN_PORT: "9090", ADMIN_HOST: "0.0.0.0" };

  expect(() => load(others)).toThrow(/^ADMIN_HOST is 0\.0\.0\.0, which others can reach, and ADMIN_TOKEN is not set/);
  expect(() => load({ ...others, ADMIN_HOST: "127.0.0.1.example.com" })).toThrow(/^ADMIN_HOST/);
  expect(load({ ...others, ADMIN_TOKEN: "c2VjcmV0LW9mLXRoZS1hZG1pbg" }).config.adminPort).toBe(9090);
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) {
    expect(load({ ...others, ADMIN_HOST: host }).config.adminHost).toBe(host);
  }
  expect(() => load({ ADMIN_PORT: "443" })).toThrow(/^ADMIN_PORT is 443, which is PORT too/);
});

it("refuses an admin token that is short enough to be guessed, and does not show it", () => {
  expect(() => load({ ADMIN_TOKEN: "fifteen-letters" })).toThrow(/^variable ADMIN_TOKEN is not what it takes/);
  expect(() => load({ ADMIN_TOKEN: "fifteen-letters" })).not.toThrow(/fifteen/);
  expect(load({ ADMIN_TOKEN: "sixteen--letters" }).config.adminToken).toBe("sixteen--letters");
});

it("computes the memory bound from the options", () => {
  const { config } = load({
    MAX_CONNECTIONS: "1000",
    MAX_FRAME_BYTES: "65536",
    OUTBOX_HIGH_WATER_BYTES: "65536",
    MAX_OUTBOX_BYTES: "262144",
    MAX_HTTP_CONNECTIONS: "100",
  });

  const outboxBytes = (262_144 + 65_536 + 3072) * 1.125;
  expect(memoryBoundBytes(config)).toBe(
    134_217_728 +
      6_291_456 +
      64 * 65_536 +
      67_108_864 +
      8 * 65_536 +
      100 * 65_536 +
      1000 * (65_536 + outboxBytes + 131_072 + 3 * 65_536 + 100 * 10_240),
  );
});

it.each([
  ["security@example.com", "mailto:security@example.com"],
  ["mailto:security@example.com", "mailto:security@example.com"],
  ["mailto:security%2Buri%2Bweb@example.com", "mailto:security%2Buri%2Bweb@example.com"],
  ["https://example.com/report?how=1", "https://example.com/report?how=1"],
  ["tel:+1-201-555-0123", "tel:+1-201-555-0123"],
])("takes SECURITY_CONTACT=%s as %s", (text, contact) => {
  expect(load({ SECURITY_CONTACT: text }).config.securityContact).toBe(contact);
});

it.each([
  "http://example.com/report",
  "example.com",
  "mailto:",
  "mailto:nobody",
  "tel:call me",
  "javascript:alert(1)",
  "a@example.com\nExpires: 2000-01-01T00:00:00Z",
  "https://example.com/\r\nX: y",
  "https://example.com/a b",
  "https://user:secret@example.com/",
  "jane@exämple.com",
])("refuses SECURITY_CONTACT=%j", (text) => {
  expect(() => load({ SECURITY_CONTACT: text })).toThrow(
    "it takes an e-mail address, or a mailto:, https: or tel: URI",
  );
});

it("refuses an empty flag", () => {
  expect(() => load({}, { port: "" })).toThrow('flag --port is ""');
});

it.each([
  ["true", true],
  ["1", true],
  ["YES", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["No", false],
  ["off", false],
])("takes REUSE_PORT=%s as %s", (text, reusePort) => {
  expect(load({ REUSE_PORT: text }).config.reusePort).toBe(reusePort);
});

it.each([
  ["true", "self-signed"],
  ["no", "off"],
])("[TOPIC-16] takes the original's ENABLE_TLS=%s as TLS=%s", (text, tls) => {
  expect(load({ ENABLE_TLS: text })).toMatchObject({ config: { tls }, sources: { tls: "variable" } });
});

it.each([
  ["true", "off"],
  ["false", "acme"],
])("refuses ENABLE_TLS=%s with TLS=%s", (text, tls) => {
  expect(() => load({ ENABLE_TLS: text, TLS: tls, DOMAIN: "relay.example" })).toThrow(
    `ENABLE_TLS is ${text}, and TLS or --tls is ${tls}; leave ENABLE_TLS out`,
  );
});

it("takes ENABLE_TLS beside a TLS that says the same", () => {
  expect(load({ ENABLE_TLS: "true", TLS: "acme", DOMAIN: "relay.example" }).config.tls).toBe("acme");
});

it("takes names with commas between them, in small letters and each once", () => {
  const { domain } = load({ DOMAIN: "Relay.example.com, b.example ,192.0.2.1,2001:db8::1,b.example" }).config;

  expect(domain).toEqual(["relay.example.com", "b.example", "192.0.2.1", "2001:db8::1"]);
});

it.each([
  "*.example.com",
  "a..b",
  "-a.example",
  "http://a.example",
  "a.example:443",
  "a,,b",
  "1.2.3",
  "a b",
  "a_b.example",
])("refuses DOMAIN=%s", (text) => {
  expect(() => load({ DOMAIN: text })).toThrow(/variable DOMAIN\b/);
});

const names = (count: number) => Array.from({ length: count }, (_, index) => `n${index}.example`).join(",");

it("takes a hundred names and refuses one more", () => {
  expect(load({ DOMAIN: names(100) }).config.domain).toHaveLength(100);
  expect(() => load({ DOMAIN: names(101) })).toThrow("variable DOMAIN is");
});

it.each(["letsencrypt", "LETSENCRYPT-STAGING", "https://ca.example:14000/dir"])("takes ACME_DIRECTORY=%s", (text) => {
  expect(load({ ACME_DIRECTORY: text }).config.acmeDirectory).toBe(text.startsWith("L") ? text.toLowerCase() : text);
});

it.each(["http://ca.example/dir", "https://user:password@ca.example/", "zerossl", "https://"])(
  "refuses ACME_DIRECTORY=%s",
  (text) => {
    expect(() => load({ ACME_DIRECTORY: text })).toThrow("it takes letsencrypt, letsencrypt-staging, an https URL");
  },
);

it("refuses a vault that is no https URL, and an address for mail without an @", () => {
  expect(() => load({ KEY_VAULT_URL: "my-vault" })).toThrow('KEY_VAULT_URL is "my-vault"; it takes an https URL');
  expect(() => load({ EMAIL: "ops", TLS: "acme" })).toThrow('EMAIL is "ops"; it takes an e-mail address');
});

it.each(["jane@example.com", "Jane Doe <jane@example.com>", "<jane@example.com>", '"Doe, Jane" <jane@example.com>'])(
  "takes EMAIL=%s as the address in it",
  (text) => {
    expect(load({ EMAIL: text, TLS: "acme", DOMAIN: "a.example" }).config.email).toBe("jane@example.com");
  },
);

it.each(["Jane Doe jane@example.com", "Jane <jane>", "a@b, c@d", "Jane <a@b> <c@d>", "<a@b"])(
  "refuses EMAIL=%s",
  (text) => {
    expect(() => load({ EMAIL: text, TLS: "acme", DOMAIN: "a.example" })).toThrow(
      "it takes an e-mail address, or a name",
    );
  },
);

it.each([
  ["EMAIL", "no address", "off"],
  ["EMAIL", "no address", "self-signed"],
  ["DOMAIN", "*.example.com", "off"],
])("ignores a broken %s=%s with TLS=%s, which has no use for it, and says so", (variable, text, tls) => {
  const { config, sources, warnings } = load({ [variable]: text, TLS: tls });

  expect([config.email, config.domain, sources.email, sources.domain]).toEqual(["", [], "default", "default"]);
  expect(warnings).toEqual([
    expect.stringMatching(new RegExp(`^variable ${variable} is .* It is ignored: TLS is ${tls}$`)),
  ]);
});

it("refuses a broken name where it is a flag, or TLS has a use for it, or nobody can tell", () => {
  expect(() => load({ TLS: "off" }, { email: "no address" })).toThrow("flag --email is");
  expect(() => load({ TLS: "self-signed", DOMAIN: "*.example.com" })).toThrow("variable DOMAIN is");
  expect(() => load({ TLS: "of", EMAIL: "no address" })).toThrow(/variable TLS is[\s\S]*variable EMAIL is/);
});

it("names all faults at once, also of what does not go together", () => {
  const env = {
    PORT: "https",
    TLS: "files",
    TLS_KEY_FILE: "/k",
    ADMIN_PORT: "9",
    ADMIN_HOST: "::",
    PROXY_PROTOCOL: "on",
  };

  const lines = String(problemOf(env)).split("\n");

  expect(lines).toEqual([
    expect.stringContaining('variable PORT is "https"'),
    "TLS is files and TLS_CERT_FILE is not set; it takes the path of a PEM file",
    expect.stringContaining("PROXY_PROTOCOL is true and TRUSTED_PROXIES is not set"),
    expect.stringContaining("ADMIN_HOST is ::, which others can reach, and ADMIN_TOKEN is not set"),
  ]);
});

it("complains of what could not be read once: not again that it is missing", () => {
  expect(String(problemOf({ TLS: "acme", DOMAIN: "a b" })).split("\n")).toHaveLength(1);
  expect(String(problemOf({ PROXY_PROTOCOL: "on", TRUSTED_PROXIES: "lb.example" })).split("\n")).toHaveLength(1);
});

it("names the item of a list that is wrong, and quotes that are part of a value", () => {
  expect(() => load({ DOMAIN: "a.example,-b.example" })).toThrow('no wildcards: "-b.example": this is none');
  expect(() => load({ PORT: '"443"' })).toThrow("0 to 65535: the quotes are part of it: leave them out");
  expect(() => load({ AUTH_KEY_SET: `'{"kty":"oct"}'` })).toThrow(
    /^variable AUTH_KEY_SET is not what it takes: JSON Web Keys, or PEM: the quotes are part of it: leave them out$/,
  );
});

it("refuses a path with a line break in it", () => {
  expect(() => load({ TLS_KEY_FILE: "a\nb" })).toThrow("variable TLS_KEY_FILE is");
});

it("refuses a secret that is mistyped without showing it", () => {
  expect(() => load({ ACME_EAB_HMAC_KEY: "not base64url!" })).toThrow(
    /^variable ACME_EAB_HMAC_KEY is not what it takes: 16 to 1024 letters, digits, - and _ \(base64url\)$/,
  );
});

it.each([
  [{ TLS: "acme" }, "TLS is acme and there is no name for the certificate; set DOMAIN or --domain"],
  [{ TLS: "acme", DOMAIN: "localhost" }, "DOMAIN has a name without a dot; Let's Encrypt certifies public names only"],
  [{ TLS: "acme", DOMAIN: "a.example", ACME_EAB_KEY_ID: "x" }, "ACME_EAB_KEY_ID and ACME_EAB_HMAC_KEY go together"],
  [{ TLS: "acme", DOMAIN: "a.example", ACME_HTTP_PORT: "443" }, "ACME_HTTP_PORT is 443, which is PORT too"],
  [
    { TLS: "acme", DOMAIN: "a.example", ACME_HTTP_PORT: "80", ADMIN_PORT: "80" },
    "ADMIN_PORT is 80, which is ACME_HTTP_PORT too",
  ],
  [
    { TLS: "files" },
    "TLS is files and TLS_KEY_FILE is not set; it takes the path of a PEM file\nTLS is files and TLS_CERT_FILE",
  ],
  [{ TLS: "files", TLS_KEY_FILE: "/k" }, "TLS is files and TLS_CERT_FILE is not set"],
])("refuses %j, which does not go together", (env, problem) => {
  expect(() => load(env)).toThrow(problem);
});

it.each(["0.0.0.0", "::", "::1", "fe80::1%eth0", "relay.example.com", "localhost"])("takes HOST=%s", (host) => {
  expect(load({ HOST: host }).config.host).toBe(host);
});

it.each(["a b", "http://x", "[::1]", "x/y", "a".repeat(254)])("refuses HOST=%s", (host) => {
  expect(() => load({ HOST: host })).toThrow("variable HOST is");
});

it("shortens a long bad value in the error", () => {
  expect(() => load({ LOG_LEVEL: "x".repeat(100) })).toThrow(`is "${"x".repeat(40)}..."; it takes trace, debug,`);
});

function problemOf(env: Record<string, string>): unknown {
  try {
    return load(env);
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}
