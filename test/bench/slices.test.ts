import { expect, it, onTestFinished } from "vitest";
import { Churn } from "../../scripts/bench/generator/churn.ts";
import { createTarget } from "../../scripts/bench/generator/connection.ts";
import { ExchangeConnections } from "../../scripts/bench/generator/exchange-connections.ts";
import { Handshakes } from "../../scripts/bench/generator/handshakes.ts";
import type { Load } from "../../scripts/bench/generator/load.ts";
import { measurePairs } from "../../scripts/bench/generator/slices.ts";
import { median } from "../../scripts/bench/report/statistics.ts";
import type { ChurnWorkload, ExchangeWorkload, Workload } from "../../scripts/bench/workload.ts";
import { workloads } from "../../scripts/bench/workloads.ts";
import { startRelay } from "../support/relay.ts";

function workloadOf<Kind extends Workload["kind"]>(id: string, kind: Kind): Extract<Workload, { kind: Kind }> {
  const workload = workloads.find((candidate) => candidate.id === id);
  if (workload?.kind !== kind) throw new Error(`no ${kind} ${id}`);
  return workload as Extract<Workload, { kind: Kind }>;
}

/** A fan-out to five. */
function few(id: string): ExchangeWorkload {
  return { ...workloadOf(id, "exchange"), membersPerTopic: 6 };
}

/** Burns so much CPU of this process for each unit, and tells of each slice. */
function burning(microsPerUnit: number, told: () => void): Load {
  return {
    open: async () => undefined,
    work: async (durationMs) => {
      told();
      const unitCount = 40;
      const end = usedMicros() + unitCount * microsPerUnit;
      while (usedMicros() < end);
      return durationMs > 0 ? unitCount : 0;
    },
    close: () => undefined,
  };
}

function usedMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

it("tells what a unit costs in each of two builds, which take turns and change who is first", async () => {
  const order: string[] = [];
  const head = { load: burning(1000, () => order.push("head")), pids: [process.pid] };
  const base = { load: burning(500, () => order.push("base")), pids: [process.pid] };
  const options = { warmUpPairCount: 2, sliceMs: 1, pairCount: 4, isHeadFirst: true };

  const pairs = await measurePairs(head, base, options);

  expect(order.slice(4)).toEqual(["head", "base", "base", "head", "head", "base", "base", "head"]);
  expect(pairs).toHaveLength(4);
  // This process does other things too, so it costs somewhat more than that.
  expect(median(pairs.map(({ headCost, baseCost }) => headCost / baseCost))).toBeGreaterThan(1.5);
});

it("fails where nothing was done in a slice", async () => {
  const idle = { load: burning(1, () => undefined), pids: [process.pid] };
  const options = { warmUpPairCount: 1, sliceMs: 0, pairCount: 1, isHeadFirst: true };

  await expect(measurePairs(idle, idle, options)).rejects.toThrow("nothing was done in 0 ms");
});

it("loads one set of connections at several paces, one slice after the other", async () => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "classic-json" } as const;
  const connections = new ExchangeConnections(subject);
  await connections.open(few("W1 window 8"));
  onTestFinished(() => connections.close());

  for (const id of ["W1 window 8", "W1 window 64", "W1 window 1"]) {
    const load = connections.load(few(id));
    await load.open();

    const counts = [await load.work(30), await load.work(30)];

    for (const count of counts) {
      expect(count).toBeGreaterThan(0);
      // Nothing was under way at the end: each message has reached all five.
      expect(count % 5).toBe(0);
    }
  }
});

it("sends to many topics over few connections", async () => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "v1-binary" } as const;
  const workload = { ...workloadOf("G1 1000", "exchange"), topicCount: 4, topicsPerMember: 10 };
  const connections = new ExchangeConnections(subject);
  await connections.open(workload);
  onTestFinished(() => connections.close());
  const load = connections.load(workload);
  await load.open();

  const count = await load.work(50);

  expect(relay.figures()).toMatchObject({ connections: 8, topics: 40 });
  expect(count).toBeGreaterThan(40);
});

it("lets visitors come to a topic and leave it, at the pace that is wanted", async () => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "classic-json" } as const;
  const workload: ChurnWorkload = { ...workloadOf("G4 50", "churn"), memberCount: 20 };
  const churn = new Churn(subject, workload);
  await churn.open();
  onTestFinished(() => churn.close());

  const count = await churn.work(200);

  expect(count).toBe(10);
});

it("counts handshakes of a slice, and leaves none open", async () => {
  const relay = await startRelay();
  const subject = { target: createTarget(relay.port, relay.certificate ?? ""), sessionName: "classic-json" } as const;
  const handshakes = new Handshakes(subject, workloadOf("W5 full", "handshake"));

  const counts = [await handshakes.work(50), await handshakes.work(50)];

  expect(counts.every((count) => count >= 8)).toBe(true);
  await expect.poll(() => relay.figures().connections).toBe(0);
});
