import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { type Contestant, contestants, contestantsOf, whatIsMissing } from "../../scripts/bench/contestants.ts";
import { workloads } from "../../scripts/bench/workloads.ts";

const setting = { port: 1, keyPath: "key", certificatePath: "certificate", directory: "", relayProgram: "packed" };

function named(name: string): Contestant {
  const contestant = contestants.find((candidate) => candidate.name === name);
  if (contestant === undefined) throw new Error(`no contestant ${name}`);
  return contestant;
}

it("starts every relay as it is packed, and nobody else so", () => {
  const packed = contestants
    .filter(({ isPeer }) => !isPeer)
    .filter(({ command }) => command(setting).includes("packed"));

  expect(packed.map(({ name }) => name)).toEqual([
    "postern binary",
    "postern raw",
    "postern json",
    "postern json topic-first",
    "postern json + jemalloc",
    "postern mailbox",
    "postern mesh",
  ]);
  expect(packed.every(({ isRelay }) => isRelay)).toBe(true);
});

it("starts the relay without flags of Node by npm, in the image and as a service: the program sets its heap itself", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };

  expect(scripts["start"]).toBe("node relay/main.ts serve");
  for (const path of ["Dockerfile", "infra/systemd/postern.service"]) {
    expect(readFileSync(path, "utf8"), path).not.toMatch(/NODE_OPTIONS|--max-semi-space-size/);
  }
  expect(readFileSync("relay/main.ts", "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(readFileSync("relay/main.ts", "utf8")).toContain("tuneHeap");
});

it("lets only the relay meet readers that stall: others would keep what they do not read", () => {
  const stalling = workloads.filter(({ id }) => id.startsWith("S1"));

  expect(stalling.map(({ id }) => id)).toEqual(["S1 quiet", "S1 stalled"]);
  for (const workload of stalling) {
    expect(contestantsOf(workload, contestants).map(({ name }) => name)).toEqual([
      "postern binary",
      "postern json",
      "postern json topic-first",
    ]);
  }
});

function takePartIn(id: string): readonly string[] {
  return workloads
    .filter((workload) => workload.id === id)
    .flatMap((workload) => contestantsOf(workload, contestants).map(({ name }) => name));
}

it("compares stores that are equally durable, and a busy topic with itself alone", () => {
  for (const id of ["M1", "M3"]) {
    expect(takePartIn(id)).toEqual(["postern mailbox", "a commit per message", "NATS JetStream"]);
  }
  expect(takePartIn("M2")).toEqual(["postern mailbox"]);
  for (const id of ["M4 quiet", "M4 deposits"]) expect(takePartIn(id)).toEqual(["postern binary"]);
});

it("has one yardstick at most in each workload, and one wherever somebody else is to be compared with the relay", () => {
  for (const workload of workloads) {
    const taking = contestantsOf(workload, contestants);
    const isAlone = taking.every(({ isRelay }) => isRelay);

    expect([workload.id, taking.filter(({ isYardstick }) => isYardstick).length]).toEqual([
      workload.id,
      isAlone || workload.id.startsWith("G1") ? 0 : 1,
    ]);
  }
});

it("says what is missing, and how it is installed", () => {
  const jemalloc = named("postern json + jemalloc");

  expect(whatIsMissing({ ...jemalloc, needs: [{ file: "/usr/lib/*/libnowhere.so" }] })).toBe(
    "postern json + jemalloc is not installed (apt-get install libjemalloc2)",
  );
  expect(whatIsMissing({ ...jemalloc, needs: [{ file: "/p*/self/stat" }] })).toBeUndefined();
  expect(whatIsMissing(named("plain ws"))).toBeUndefined();
});

it("can be told on the command line which contestants are to run: no name has the comma that divides them", () => {
  expect(contestants.filter(({ name }) => name.includes(","))).toEqual([]);
});

it("asks the relay only for options that it has", () => {
  for (const { relayEnvironment = {} } of workloads) {
    const { sources } = loadConfig({ flags: {}, env: relayEnvironment });

    const chosen = Object.values(sources).filter((source) => source !== "default");
    expect(chosen).toHaveLength(Object.keys(relayEnvironment).length);
  }
});
