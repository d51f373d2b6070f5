import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { memoryBoundBytes } from "../../relay/config/memory-bound.ts";
import { optionRows } from "../../relay/config/options.ts";

const load = (env: Record<string, string>, flags = {}) => loadConfig({ env, flags });

it("has every default inside its own range", () => {
  const env = Object.fromEntries(optionRows().map(([, option]) => [option.env, `${option.default}`]));

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

it("computes the memory bound from the options", () => {
  const { config } = load({
    MAX_CONNECTIONS: "1000",
    MAX_FRAME_BYTES: "65536",
    OUTBOX_HIGH_WATER_BYTES: "65536",
    MAX_OUTBOX_BYTES: "262144",
  });

  const joinedBytes = 1000 * 832;
  const outboxBytes = (262_144 + joinedBytes) * 1.125;
  expect(memoryBoundBytes(config)).toBe(134_217_728 + 1000 * (65_536 + outboxBytes + 131_072 + 2 * 65_536));
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
])("takes ENABLE_TLS=%s as %s", (text, enableTls) => {
  expect(load({ ENABLE_TLS: text }).config.enableTls).toBe(enableTls);
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
