import { setTimeout as after } from "node:timers/promises";
import type { ComparedWorkload, ExchangeWorkload, Workload } from "../workload.ts";
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
import { measurePairs, type Pair, type Side, type SliceOptions } from "./slices.ts";

/** In which a relay has heard that connections are closed, and has told the others. */
const CLOSING_MS = 200;

type LoadWorkload = Exclude<ComparedWorkload, { readonly kind: "idle" }>;

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
  const head = contenderOf(task, task.head);
  const base = contenderOf(task, task.base);
  const results: DuelResult[] = [];
  const [first] = task.workloads;
  if (first?.kind === "exchange") {
    await warmUp(head, base, first, task.slices);
    for (const { connections } of [head, base]) await connections.open(first);
  }
  for (const workload of task.workloads) {
    if (workload.kind === "idle") {
      results.push({ workload: workload.id, pairs: [await measureIdlePair(head, base, workload, task.slices)] });
      continue;
    }
    const { coldPairCount, ...slices } = task.slices;
    const isCold = workload === first && workload.kind !== "exchange";
    const warmUpPairCount = isCold ? coldPairCount : slices.warmUpPairCount;
    const pairs = await measurePairs(sideOf(head, workload), sideOf(base, workload), { ...slices, warmUpPairCount });
    results.push({ workload: workload.id, pairs });
  }
  for (const { connections } of [head, base]) connections.close();
  return results;
}

type Contender = { readonly subject: Subject; readonly connections: ExchangeConnections; readonly pid: number };

function contenderOf({ certificate, sessionName }: DuelTask, { port, pid }: Running): Contender {
  const subject = { target: createTarget(port, certificate), sessionName };
  return { subject, connections: new ExchangeConnections(subject), pid };
}

/**
 * Has both work over connections that are not measured. What a relay holds for a connection that was opened before V8 had compiled what
 * uses it stays dearer, by up to a tenth and in each process differently.
 */
async function warmUp(
  head: Contender,
  base: Contender,
  workload: ExchangeWorkload,
  { coldPairCount, ...slices }: SliceOptions,
): Promise<void> {
  for (const { connections } of [head, base]) await connections.open(workload);
  const counts = { warmUpPairCount: coldPairCount, pairCount: 0 };
  await measurePairs(sideOf(head, workload), sideOf(base, workload), { ...slices, ...counts });
  for (const { connections } of [head, base]) connections.close();
  await after(CLOSING_MS);
}

function sideOf(contender: Contender, workload: LoadWorkload): Side {
  return { load: loadOf(contender, workload), pids: processTree(contender.pid) };
}

function loadOf({ subject, connections }: Contender, workload: LoadWorkload): Load {
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
