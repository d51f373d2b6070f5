import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { contestantsOf, whatIsMissing } from "../../scripts/bench/campaign.ts";
import { type Contestant, contestants } from "../../scripts/bench/contestants.ts";
import { environmentOf, memoryBoundMib, RELAY_NODE_FLAGS } from "../../scripts/bench/relay-options.ts";
import { workloads } from "../../scripts/bench/workloads.ts";

const setting = { port: 1, keyPath: "key", certificatePath: "certificate", directory: "" };

function named(name: string): Contestant {
  const contestant = contestants.find((candidate) => candidate.name === name);
  if (contestant === undefined) throw new Error(`no contestant ${name}`);
  return contestant;
}

it("starts the relay with the flags that it has everywhere", () => {
  const flags = RELAY_NODE_FLAGS.join(" ");
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

  expect(scripts["start"]).toBe(`node ${flags} relay/main.ts serve`);
  expect(readFileSync("Dockerfile", "utf8")).toContain(`\nENV NODE_OPTIONS=${flags}\n`);
  expect(readFileSync("relay/main.ts", "utf8").split("\n")[0]).toBe(`#!/usr/bin/env -S node ${flags}`);
});

it("gives these flags to the relay, and to nobody else", () => {
  const withFlags = contestants
    .filter(({ sessionName }) => ["seed-json", "v1-binary", "pipe"].includes(sessionName))
    .filter(({ command }) => RELAY_NODE_FLAGS.every((flag) => command(setting).includes(flag)));

  expect(withFlags.map(({ name }) => name)).toEqual(["postern binary", "postern json", "postern json + jemalloc"]);
});

it("lets only the relay meet readers that stall: others would keep what they do not read", () => {
  const stalling = workloads.filter(({ id }) => id.startsWith("S1"));

  expect(stalling.map(({ id }) => id)).toEqual(["S1 quiet", "S1 stalled"]);
  for (const workload of stalling) {
    expect(contestantsOf(workload, contestants).map(({ name }) => name)).toEqual(["postern binary", "postern json"]);
  }
});

it("says what is missing, and how it is installed", () => {
  const jemalloc = named("postern json + jemalloc");

  expect(whatIsMissing({ ...jemalloc, needs: { file: "/usr/lib/*/libnowhere.so" } })).toBe(
    "postern json + jemalloc is not installed (apt-get install libjemalloc2)",
  );
  expect(whatIsMissing({ ...jemalloc, needs: { file: "/p*/self/stat" } })).toBeUndefined();
  expect(whatIsMissing(named("plain ws"))).toBeUndefined();
});

it("can be told on the command line which contestants are to run: no name has the comma that divides them", () => {
  expect(contestants.filter(({ name }) => name.includes(","))).toEqual([]);
});

it("gives a relay the options of a workload as variables, and no others", () => {
  const options = { stalledReaderTimeoutMs: 600_000, maxConnections: 2000 };

  const environment = environmentOf(options);

  expect(environment).toEqual({ STALLED_READER_TIMEOUT_MS: "600000", MAX_CONNECTIONS: "2000" });
  expect(loadConfig({ flags: {}, env: environment }).config).toMatchObject(options);
  expect(memoryBoundMib({ maxConnections: 1000 })).toBeLessThan(memoryBoundMib(options));
});
