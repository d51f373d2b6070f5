import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import type { Config } from "../../relay/config/options.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";

function load(env: Readonly<Record<string, string>>): Config {
  return loadConfig({ flags: {}, env }).config;
}

it("takes the variables of the original agent relay where agent is the only dialect, and there for nothing else", () => {
  const seeds = { RATE_LIMIT_PER_MIN: "100", RATE_LIMIT_PER_HOUR: "1000", STATS_PORT: "8081" };

  const alone = load({ DIALECTS: "agent", ...seeds });
  const beside = load({ DIALECTS: "topic,agent", ...seeds });

  expect(alone).toMatchObject({
    agentRatePerMinute: 100,
    agentRatePerHour: 1000,
    connectionsPerIpPerMinute: 0,
    listen: ["wss:8081=agent"],
  });
  expect(beside).toMatchObject({
    agentRatePerMinute: 0,
    agentRatePerHour: 0,
    connectionsPerIpPerMinute: 100,
    listen: [],
  });
});

it("prefers options of its own to the original's", () => {
  const config = load({
    DIALECTS: "agent",
    TLS: "off",
    RATE_LIMIT_PER_MIN: "100",
    AGENT_RATE_PER_MINUTE: "7",
    STATS_PORT: "8081",
    LISTEN: "ws:9000=agent",
  });

  expect(config).toMatchObject({ agentRatePerMinute: 7, listen: ["ws:9000=agent"] });
  expect(load({ DIALECTS: "agent", TLS: "off", STATS_PORT: "8081" }).listen).toEqual(["ws:8081=agent"]);
});

it("names a bad one of the original's as it was written", () => {
  expect(() => load({ DIALECTS: "agent", STATS_PORT: "many" })).toThrow(
    'variable STATS_PORT is "many"; it takes 1 to 65535',
  );
  expect(() => load({ DIALECTS: "agent", RATE_LIMIT_PER_HOUR: "x" })).toThrow('variable RATE_LIMIT_PER_HOUR is "x"');
  expect(load({ STATS_PORT: "many" }).listen).toEqual([]);
});

it.each(["agent"])("does not share a port where %s keeps accounts: the others would not know them", (name) => {
  expect(() => load({ DIALECTS: name, REUSE_PORT: "true" })).toThrow(`REUSE_PORT is true, and ${name} keeps accounts`);
  expect(() => load({ LISTEN: `ws:9000=${name}`, REUSE_PORT: "true" })).toThrow("keeps accounts");
  expect(load({ REUSE_PORT: "true" }).reusePort).toBe(true);
});

function boundOf(env: Readonly<Record<string, string>>): number {
  return memoryBoundBytes(load(env));
}

it("has a bound of memory for accounts where they are kept, and none elsewhere", () => {
  const plain = boundOf({ DIALECTS: "topic" });

  expect(boundOf({ DIALECTS: "topic", MAX_AGENTS: "1000000", MAX_MESHES: "100000" })).toBe(plain);
  expect(boundOf({ DIALECTS: "topic,agent", MAX_AGENTS: "20000" }) - plain).toBe(20_000 * 1024 + 16_777_216);
  expect(boundOf({ DIALECTS: "topic", LISTEN: "wss:8443=mesh", MAX_MESHES: "10", MAX_CONNECTIONS: "100" })).toBe(
    boundOf({ DIALECTS: "topic", MAX_CONNECTIONS: "100" }) + 10 * 2048 + 40_960_000 + 100 * 49_152,
  );
});
