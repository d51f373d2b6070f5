import type { ComparedWorkload, Workload } from "../workload.ts";
import { Churn } from "./churn.ts";
import { createTarget } from "./connection.ts";
import { Deposits } from "./deposits.ts";
import { ExchangeConnections } from "./exchange-connections.ts";
import { Fetches } from "./fetches.ts";
import { Handshakes } from "./handshakes.ts";
import { measureIdle } from "./idle.ts";
import type { Load } from "./load.ts";
import type { Subject } from "./members.ts";
import { processTree } from "./process-usage.ts";
import type { SessionName } from "./sessions/create-session.ts";
import { measurePairs, type Pair, type SliceOptions } from "./slices.ts";

/** A server that runs. */
type Running = { readonly port: number; readonly pid: number };

/** Two builds, and what they are to be measured with. */
export type DuelTask = {
  readonly head: Running;
  readonly base: Running;
  readonly certificate: string;
  readonly sessionName: SessionName;
  /** Workloads with the same members: they are connected once for all of them. */
  readonly workloads: readonly ComparedWorkload[];
  readonly slices: SliceOptions;
};

/** What one workload gave: pairs of costs in µs; of idle connections one pair, in KiB. */
export type DuelResult = { readonly workload: string; readonly pairs: readonly Pair[] };

/** Measures two builds against each other. */
export async function duel(task: DuelTask): Promise<readonly DuelResult[]> {
  const head = sideOf(task, task.head);
  const base = sideOf(task, task.base);
  const results: DuelResult[] = [];
  const [first] = task.workloads;
  if (first?.kind === "exchange") for (const { connections } of [head, base]) await connections.open(first);
  for (const workload of task.workloads) {
    if (workload.kind === "idle") {
      results.push({ workload: workload.id, pairs: [await measureIdlePair(head, base, workload, task.slices)] });
      continue;
    }
    const sides = [head, base].map((side) => ({ load: loadOf(side, workload), pids: processTree(side.pid) }));
    const [headSide, baseSide] = sides as [(typeof sides)[0], (typeof sides)[0]];
    const { firstWarmUpPairCount, ...slices } = task.slices;
    const warmUpPairCount = workload === first ? firstWarmUpPairCount : slices.warmUpPairCount;
    const pairs = await measurePairs(headSide, baseSide, { ...slices, warmUpPairCount });
    results.push({ workload: workload.id, pairs });
  }
  for (const { connections } of [head, base]) connections.close();
  return results;
}

type Contender = { readonly subject: Subject; readonly connections: ExchangeConnections; readonly pid: number };

function sideOf({ certificate, sessionName }: DuelTask, { port, pid }: Running): Contender {
  const subject = { target: createTarget(port, certificate), sessionName };
  return { subject, connections: new ExchangeConnections(subject), pid };
}

function loadOf(
  { subject, connections }: Contender,
  workload: Exclude<ComparedWorkload, { readonly kind: "idle" }>,
): Load {
  switch (workload.kind) {
    case "exchange":
      return connections.load(workload);
    case "handshake":
      return new Handshakes(subject, workload);
    case "churn":
      return new Churn(subject, workload);
    case "deposit":
      return new Deposits(subject, workload);
    case "fetch":
      return new Fetches(subject, workload);
  }
}

async function measureIdlePair(
  head: Contender,
  base: Contender,
  workload: Extract<Workload, { readonly kind: "idle" }>,
  { isHeadFirst }: SliceOptions,
): Promise<Pair> {
  const costOf = async ({ subject, pid }: Contender): Promise<number> => {
    const { grownBytes = 0, count } = await measureIdle(subject, workload, pid);
    return grownBytes / 1024 / count;
  };
  const first = await costOf(isHeadFirst ? head : base);
  const second = await costOf(isHeadFirst ? base : head);
  return isHeadFirst ? { headCost: first, baseCost: second } : { headCost: second, baseCost: first };
}
