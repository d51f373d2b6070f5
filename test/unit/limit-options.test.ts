import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";

const load = (env: Record<string, string>) => loadConfig({ env, flags: {} });

it("takes the original's variable for new connections per minute, and its own before that", () => {
  const seeds = load({ RATE_LIMIT_PER_MIN: "60" });
  const both = load({ RATE_LIMIT_PER_MIN: "60", CONNECTIONS_PER_IP_PER_MINUTE: "30" });

  expect(seeds.config.connectionsPerIpPerMinute).toBe(60);
  expect(seeds.sources.connectionsPerIpPerMinute).toBe("variable");
  expect(both.config.connectionsPerIpPerMinute).toBe(30);
});

it("names the variable that is wrong, whichever of the two it is", () => {
  expect(() => load({ RATE_LIMIT_PER_MIN: "many" })).toThrow('variable RATE_LIMIT_PER_MIN is "many"; it takes 0 to');
  expect(() => load({ CONNECTIONS_PER_IP_PER_MINUTE: "-1" })).toThrow("variable CONNECTIONS_PER_IP_PER_MINUTE is");
});

it("takes addresses and networks, each once", () => {
  const { config } = load({ TRUSTED_PROXIES: "10.0.0.0/8, 192.0.2.1,2001:DB8::/32,10.0.0.0/8" });

  expect(config.trustedProxies).toEqual(["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]);
});

it.each(["10.0.0.0/33", "2001:db8::/129", "10.0.0/8", "example.com", "10.0.0.0/", "10.0.0.0/8/8", "fe80::1%eth0", ","])(
  "refuses IP_DENY=%s",
  (text) => {
    expect(() => load({ IP_DENY: text })).toThrow("it takes up to 100 IP addresses or networks, such as 192.0.2.0/24");
  },
);

it("refuses the PROXY protocol where nobody is trusted to speak it", () => {
  expect(() => load({ PROXY_PROTOCOL: "on" })).toThrow("PROXY_PROTOCOL is true and TRUSTED_PROXIES is not set");
  expect(load({ PROXY_PROTOCOL: "on", TRUSTED_PROXIES: "10.0.0.1" }).config.proxyProtocol).toBe(true);
});

it("bounds the memory lower where a connection may be in fewer topics, and no lower where topics may have fewer members", () => {
  const env = { MAX_CONNECTIONS: "10000" };
  const many = memoryBoundBytes(load(env).config);
  const few = memoryBoundBytes(load({ ...env, MAX_TOPICS_PER_CONNECTION: "1" }).config);

  expect(many - few).toBe(10_000 * 99 * 10_240);
  expect(memoryBoundBytes(load({ ...env, MAX_MEMBERS_PER_TOPIC: "100" }).config)).toBe(many);
});

it("takes classes with their multiples, and nothing that is none", () => {
  expect(load({ RATE_CLASSES: "guest=0.5,trusted=10" }).config.rateClasses).toEqual(["guest=0.5", "trusted=10"]);
  for (const text of ["guest", "guest=", "=2", "guest=-1", "guest=1001", "Gu est=1", "guest=1e3"]) {
    expect(() => load({ RATE_CLASSES: text })).toThrow("variable RATE_CLASSES is");
  }
});

it("counts mailboxes in the bound of memory, and wants limits of those that are in memory", () => {
  const off = memoryBoundBytes(load({ MAX_CONNECTIONS: "1" }).config);
  const more = (env: Readonly<Record<string, string>>): number =>
    memoryBoundBytes(load({ MAX_CONNECTIONS: "1", ...env }).config) - off;
  const perConnection = 262_144 + 4_194_304;

  expect(more({ MAILBOX_STORE: "sqlite" })).toBe(perConnection + 100 * 1_048_576);
  const limits = { MAILBOX_MAX_BYTES: "1000000", MAILBOX_MAX_MESSAGES: "1000" };
  expect(more({ MAILBOX_STORE: "memory", ...limits })).toBe(perConnection + 2_000_000 + 3_072_000);
  expect(() => load({ MAILBOX_STORE: "memory", MAILBOX_MAX_BYTES: "0" })).toThrow("which is no limit");
  expect(() => load({ MAILBOX_STORE: "memory", MAILBOX_MAX_MESSAGES: "0" })).toThrow("which is no limit");
});
