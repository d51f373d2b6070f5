import { setTimeout as after } from "node:timers/promises";
import type { Group } from "./arrangements.ts";
import { Client } from "./client.ts";
import { cpuMicros, proportionalMebibytes, sum } from "./usage.ts";

/** What one trial gave: a figure or a count for each name. */
export type Figures = Readonly<Record<string, number>>;

const SPREAD_COUNT = 200;
const HANDSHAKE_COUNT = 1000;
const WARM_UP_COUNT = 1000;
const AT_ONCE = 16;
const PAIR_COUNT = 40;
const SEND_INTERVAL_MS = 10;
const SETTLE_MS = 1500;
const DELIVERY_MS = 2500;
const PAYLOAD = "x".repeat(172);
const FROZEN_COUNT = 40;
/** By then everybody who is served has been answered. */
const ANSWER_MS = 1500;

/** Memory without clients, then how connections spread that come one by one, and that come together. */
export async function trySpread(group: Group): Promise<Figures> {
  const memory = sum(group.pids().map(proportionalMebibytes));
  const oneByOne: Client[] = [];
  for (let index = 0; index < SPREAD_COUNT; index += 1) {
    const client = new Client(portOf(group, index));
    await client.outcome;
    oneByOne.push(client);
  }
  const together = clients(group, SPREAD_COUNT);
  const figures = {
    "MiB without clients": memory,
    "one by one, busiest %": await busiestPercent(oneByOne),
    "together, busiest %": await busiestPercent(together),
  };
  for (const client of [...oneByOne, ...together]) client.socket.terminate();
  return figures;
}

/** Connect, join, close, so many at once: the CPU time of each, and how much of it is the primary's. */
export async function tryHandshakes(group: Group): Promise<Figures> {
  let started = 0;
  const loop = async (limit: number): Promise<void> => {
    while (started < limit) {
      const index = started++;
      const client = new Client(portOf(group, index));
      await client.join(`topic ${index}`, `peer ${index}`);
      await client.close();
    }
  };
  const allLoops = (limit: number) => Promise.all(Array.from({ length: AT_ONCE }, () => loop(limit)));
  // Each process has to get warm.
  const warmUpCount = WARM_UP_COUNT * group.relayCount;
  await allLoops(warmUpCount);
  const [total, primary] = await cpuDuring(group, () => allLoops(warmUpCount + HANDSHAKE_COUNT));
  return { "µs per connection": total / HANDSHAKE_COUNT, "of them the primary's": primary / HANDSHAKE_COUNT };
}

/** As many pairs whatever the number of processes: what it costs to divide a load that one process could bear. */
export async function tryDividedLoad(group: Group): Promise<Figures> {
  const { micros, perSecond } = await measureDeliveries(group, PAIR_COUNT);
  return { "µs per delivery, load divided": micros, "deliveries a second": perSecond };
}

/** As many pairs per process: what a process costs that has another beside it. */
export async function tryLoadPerProcess(group: Group): Promise<Figures> {
  const { micros, perSecond } = await measureDeliveries(group, (PAIR_COUNT / 2) * group.relayCount);
  return { "µs per delivery, load per process": micros, "deliveries a second, load per process": perSecond };
}

/** The last relay hangs, then is killed: what becomes of those who connect meanwhile, and afterwards. */
export async function tryFrozen(group: Group): Promise<Figures> {
  const pid = group.pids()[group.relayCount - 1] ?? 0;
  process.kill(pid, "SIGSTOP");
  const waiting = clients(group, FROZEN_COUNT);
  const answered = await outcomesOf(waiting, ANSWER_MS);
  process.kill(pid, "SIGKILL");
  const afterwards = await outcomesOf(waiting, ANSWER_MS);
  const later = clients(group, FROZEN_COUNT);
  const laterOutcomes = await outcomesOf(later, ANSWER_MS);
  for (const { socket } of [...waiting, ...later]) socket.terminate();
  return {
    "answered while one hangs": answered.served,
    "served at last when it is killed": afterwards.served - answered.served,
    "reset when it is killed": afterwards.failed,
    "answered after that": laterOutcomes.served,
  };
}

/** The last relay is stopped by SIGTERM and drains for a second: what becomes of those who connect meanwhile. */
export async function tryDrain(group: Group): Promise<Figures> {
  const stuck = clients(group, AT_ONCE);
  await Promise.all(stuck.map(({ outcome }) => outcome));
  // They do not answer the close, so the drain takes its whole time.
  for (const { socket } of stuck) socket.pause();
  const counts = { "served while it drains": 0, "refused with 503": 0, "failed otherwise": 0 };
  const endMs = performance.now() + ANSWER_MS;
  const loop = async (first: number): Promise<void> => {
    for (let index = first; performance.now() < endMs; index += 1) {
      const client = new Client(portOf(group, index));
      const outcome = await client.outcome;
      if ("certificate" in outcome) counts["served while it drains"] += 1;
      else if (outcome.failure === "answered 503") counts["refused with 503"] += 1;
      else counts["failed otherwise"] += 1;
      client.socket.terminate();
      await after(SEND_INTERVAL_MS);
    }
  };
  process.kill(group.pids()[group.relayCount - 1] ?? 0, "SIGTERM");
  await Promise.all([0, 1, 2, 3].map(loop));
  for (const { socket } of stuck) socket.terminate();
  return counts;
}

/** Pairs whose two members are in the same process, at a fixed rate: the CPU time of a delivery. */
async function measureDeliveries(
  group: Group,
  pairCount: number,
): Promise<{ readonly micros: number; readonly perSecond: number }> {
  const members = await openPairs(group, pairCount);
  let delivered = 0;
  for (const { socket } of members) {
    socket.on("message", (bytes: Buffer) => (delivered += bytes.includes(PAYLOAD) ? 1 : 0));
  }
  const timer = setInterval(() => {
    for (const member of members) member.send({ type: "data", data: PAYLOAD });
  }, SEND_INTERVAL_MS);
  await after(SETTLE_MS);
  const before = delivered;
  const [total] = await cpuDuring(group, () => after(DELIVERY_MS));
  clearInterval(timer);
  const count = delivered - before;
  for (const { socket } of members) socket.terminate();
  return { micros: total / count, perSecond: (count * 1000) / DELIVERY_MS };
}

function clients(group: Group, count: number): readonly Client[] {
  return Array.from({ length: count }, (_, index) => new Client(portOf(group, index)));
}

/** Ports are taken in turn, as clients do that choose at random or by DNS. */
function portOf({ ports }: Group, index: number): number {
  return ports[index % ports.length] ?? 0;
}

/** The part of the connections that the busiest relay has. */
async function busiestPercent(opened: readonly Client[]): Promise<number> {
  const counts = new Map<string, number>();
  for (const { outcome } of opened) {
    const result = await outcome;
    const key = "certificate" in result ? result.certificate : result.failure;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return (Math.max(...counts.values()) / opened.length) * 100;
}

/** What has become of connections after some time; those that still wait are neither served nor failed. */
async function outcomesOf(opened: readonly Client[], waitMs: number): Promise<{ served: number; failed: number }> {
  const counts = { served: 0, failed: 0 };
  for (const { outcome } of opened) {
    void outcome.then((result) => (counts["certificate" in result ? "served" : "failed"] += 1));
  }
  await after(waitMs);
  return { ...counts };
}

/** Opens connections until there are enough pairs: a topic's two members have seen the same certificate. */
async function openPairs(group: Group, pairCount: number): Promise<readonly Client[]> {
  const alone = new Map<string, Client>();
  const members: Client[] = [];
  for (let index = 0; members.length < 2 * pairCount; index += 1) {
    const client = new Client(portOf(group, index));
    const outcome = await client.outcome;
    if ("failure" in outcome) throw new Error(`a relay refused: ${outcome.failure}`);
    const partner = alone.get(outcome.certificate);
    if (partner === undefined) {
      alone.set(outcome.certificate, client);
      continue;
    }
    alone.delete(outcome.certificate);
    await Promise.all([partner.join(`pair ${index}`, "a"), client.join(`pair ${index}`, "b")]);
    members.push(partner, client);
  }
  for (const { socket } of alone.values()) socket.terminate();
  return members;
}

/** @returns the CPU time of all processes, and that of the primary alone. */
async function cpuDuring(group: Group, work: () => Promise<unknown>): Promise<readonly [number, number]> {
  const pids = group.pids();
  const before = pids.map(cpuMicros);
  await work();
  const used = pids.map((pid, index) => cpuMicros(pid) - (before[index] ?? 0));
  return [sum(used), sum(used.slice(group.relayCount))];
}
