import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { describeHardware } from "./bench/machine.ts";
import { digits, whole } from "./bench/report/numbers.ts";
import { median } from "./bench/report/statistics.ts";
import { type FirstByte, measureFirstByte, USUAL_FIRST_BYTE } from "./client-cost/first-byte.ts";
import { type MessageCost, measureMessages, USUAL_MESSAGES } from "./client-cost/message-cost.ts";
import {
  MAX_CPU_RATIO,
  measurePipes,
  type PipeCost,
  type PipeCostOptions,
  USUAL_PIPES,
} from "./client-cost/pipe-cost.ts";
import { measureRepair, type RepairCost, USUAL_REPAIR } from "./client-cost/repair-cost.ts";
import {
  measureReplication,
  type Replicated,
  type ReplicationCost,
  type ReplicationOptions,
  USUAL_REPLICATIONS,
} from "./client-cost/replication-cost.ts";
import { measureUpgrades, type UpgradeGaps, USUAL_UPGRADES } from "./client-cost/upgrade-gap.ts";
import type { KillTestContestant } from "./kill-test/contestant.ts";
import { killTestContestants } from "./kill-test/contestants.ts";

/** What the SDK may cost: as a multiple of a bare socket's CPU, sealed and not, and in bytes of repair. */
const MAX_RATIOS = { Postern: 5, "Postern public": 2.5 };
const MAX_REPAIR_BYTES = 2_000_000;

/** A swarm by the relay: at least so much of direct UDP's rate, and at most so much of its CPU; and with 100 ms between the peers. */
const MIN_SWARM_RATE_RATIO = 0.9;
const MAX_SWARM_CPU_RATIO = 1;
/** And at least so much of the rate of a relay that gets the peers' keys. */
const MIN_CUSTODIAL_RATIO = 1.5;
const MIN_FAR_MEGABYTES_PER_SECOND = 20;

/** Half round trips between the peers until the first byte where UDP is blocked; and how long nothing may come at an upgrade. */
const MAX_COLD_HALF_TRIPS = 6;
const MAX_WARM_HALF_TRIPS = 4;
const MAX_UPGRADE_GAP_MS = 150;

const WORKLOADS = ["C1", "C2", "C3", "C4", "H1", "H2", "H3", "H4"];

type Options = { readonly only?: string; readonly with?: string; readonly rounds?: number; readonly json?: string };

async function main({ only, with: name, rounds, json }: Options): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const chosen = new Set(only?.split(",") ?? WORKLOADS);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))
    throw new Error("--rounds: a whole number from 1");
  for (const workload of chosen) if (!WORKLOADS.includes(workload)) throw new Error(`--only: there is no ${workload}`);
  const messages: Record<string, MessageCost[]> = {};
  const measured = Object.entries(name === undefined ? MAX_RATIOS : { [name]: MAX_RATIOS.Postern });
  for (const [client, maxRatio] of chosen.has("C1") ? measured : []) {
    messages[client] = [];
    for (const options of USUAL_MESSAGES) {
      const cost = await measureMessages(contestant(client), contestant("Postern, no SDK"), options);
      reportMessages(client, cost, maxRatio);
      messages[client].push(cost);
    }
  }
  const repair = chosen.has("C2") ? await measureRepair(contestant(name ?? "Postern"), USUAL_REPAIR) : undefined;
  if (repair !== undefined) reportRepair(repair);
  const pipes: PipeCost[] = [];
  for (const options of USUAL_PIPES.filter(({ workload }) => chosen.has(workload))) {
    const cost = await measurePipes(contestant("Postern"), { ...options, rounds: rounds ?? options.rounds });
    reportPipe(cost, options);
    pipes.push(cost);
  }
  const replications: ReplicationCost[] = [];
  for (const options of USUAL_REPLICATIONS.filter(({ workload }) => chosen.has(workload))) {
    const cost = await measureReplication(contestant("Postern"), { ...options, rounds: rounds ?? options.rounds });
    reportReplication(cost, options);
    replications.push(cost);
  }
  const firstByte = chosen.has("H3") ? await measureFirstByte(contestant("Postern"), USUAL_FIRST_BYTE) : undefined;
  if (firstByte !== undefined) reportFirstByte(firstByte);
  const upgrades = chosen.has("H4") ? await measureUpgrades(contestant("Postern"), USUAL_UPGRADES) : undefined;
  if (upgrades !== undefined) reportUpgrades(upgrades);
  const results = {
    machine: describeHardware(),
    finishedAt: new Date().toISOString(),
    messages,
    repair,
    pipes,
    replications,
    firstByte,
    upgrades,
  };
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`);
}

function contestant(name: string): KillTestContestant {
  const found = killTestContestants.find((candidate) => candidate.name === name);
  const missing = found === undefined ? "there is no such client" : found.missing();
  if (found === undefined || missing !== undefined) throw new Error(`${name}: ${missing}`);
  return found;
}

function reportMessages(
  client: string,
  { perSecond, sdkMicros, bareMicros, ratio }: MessageCost,
  maxRatio: number,
): void {
  const both = `${digits(median(sdkMicros))} µs, a bare socket ${digits(median(bareMicros))} µs`;
  say(
    `C1, ${client}: 1 KiB at ${whole(perSecond)}/s, both ends of a message: ${both}: ${digits(ratio)} times as much; the aim is ${maxRatio}`,
  );
  if (ratio > maxRatio) process.exitCode = 1;
}

function reportRepair({ repairBytes, deliveredBytes, completeCount, tookMs }: RepairCost): void {
  const what = `${whole(USUAL_REPAIR.messageCount)} missed by ${USUAL_REPAIR.receiverCount}`;
  const when = tookMs === undefined ? `${completeCount} have them` : `all have them after ${digits(tookMs / 1000)} s`;
  say(`C2: ${what}: ${whole(repairBytes)} bytes sent again, ${whole(deliveredBytes)} delivered; ${when}`);
  if (repairBytes > MAX_REPAIR_BYTES || tookMs === undefined) process.exitCode = 1;
}

function reportPipe({ workload, streams, pipes, rateRatio, cpuRatio }: PipeCost, options: PipeCostOptions): void {
  const { byteCount, roundTripMs, minRateRatio } = options;
  const [rate, bareRate] = [streams, pipes].map((of) =>
    digits(median(of.map(({ megabytesPerSecond }) => megabytesPerSecond))),
  );
  const [cpu, bareCpu] = [streams, pipes].map((of) =>
    digits(median(of.map(({ cpuMicrosPerMegabyte }) => cpuMicrosPerMegabyte / 1000))),
  );
  say(
    `${workload}: ${whole(byteCount / 1e6)} MB at a round trip of ${roundTripMs} ms: ${rate} MB/s sealed, ${bareRate} MB/s through a bare pipe: ${digits(rateRatio)} times as fast; the aim is ${minRateRatio}. CPU of both ends for a MB: ${cpu} ms, ${bareCpu} ms: ${digits(cpuRatio)} times as much; the aim is ${MAX_CPU_RATIO}`,
  );
  if (rateRatio < minRateRatio || cpuRatio > MAX_CPU_RATIO) process.exitCode = 1;
}

function reportReplication(
  { workload, relayed, direct, custodial, custodialRatio, rateRatio, cpuRatio }: ReplicationCost,
  options: ReplicationOptions,
): void {
  const mine = `${workload}: a hypercore of ${whole(options.blockCount)} blocks of 64 KiB by the relay`;
  if (rateRatio === undefined || cpuRatio === undefined) {
    const rate = median(relayed.map(({ megabytesPerSecond }) => megabytesPerSecond));
    say(
      `${mine} at a round trip of ${options.roundTripMs} ms: ${figuresOf(relayed)}; the aim is ${MIN_FAR_MEGABYTES_PER_SECOND} MB/s`,
    );
    if (rate < MIN_FAR_MEGABYTES_PER_SECOND) process.exitCode = 1;
    return;
  }
  say(
    `${mine}: ${figuresOf(relayed)}; directly: ${figuresOf(direct)}: ${digits(rateRatio)} times as fast, the aim is ${MIN_SWARM_RATE_RATIO}; ${digits(cpuRatio)} times the CPU, the aim is ${MAX_SWARM_CPU_RATIO}`,
  );
  if (rateRatio < MIN_SWARM_RATE_RATIO || cpuRatio > MAX_SWARM_CPU_RATIO) process.exitCode = 1;
  if (custodialRatio === undefined) return say(`${workload}: @hyperswarm/dht-relay is not installed, and left out`);
  say(
    `${workload}: by @hyperswarm/dht-relay, which gets the keys: ${figuresOf(custodial)}; by the relay ${digits(custodialRatio)} times as fast, the aim is ${MIN_CUSTODIAL_RATIO}`,
  );
  if (custodialRatio < MIN_CUSTODIAL_RATIO) process.exitCode = 1;
}

function reportFirstByte({ coldMs, warmMs }: FirstByte): void {
  const { roundTripMs } = USUAL_FIRST_BYTE;
  const halfTrips = (ms: number): number => ms / (roundTripMs / 2);
  const [cold, warm] = [halfTrips(coldMs), halfTrips(warmMs)];
  say(
    `H3: the first byte where UDP is blocked, at a round trip of ${roundTripMs} ms: cold ${whole(coldMs)} ms, ${digits(cold)} half round trips, the aim is ${MAX_COLD_HALF_TRIPS}; warm ${whole(warmMs)} ms, ${digits(warm)}, the aim is ${MAX_WARM_HALF_TRIPS}`,
  );
  if (cold > MAX_COLD_HALF_TRIPS || warm > MAX_WARM_HALF_TRIPS) process.exitCode = 1;
}

function reportUpgrades({ gapMs, usualGapMs }: UpgradeGaps): void {
  say(
    `H4: while a direct connection takes the place of the relay's nothing comes for ${whole(gapMs)} ms, before it for ${whole(usualGapMs)} ms at most; the aim is ${MAX_UPGRADE_GAP_MS}`,
  );
  if (gapMs > MAX_UPGRADE_GAP_MS) process.exitCode = 1;
}

function figuresOf(replicated: readonly Replicated[]): string {
  const rate = median(replicated.map(({ megabytesPerSecond }) => megabytesPerSecond));
  const cpu = median(replicated.map(({ cpuMicrosPerMegabyte }) => cpuMicrosPerMegabyte));
  return `${digits(rate)} MB/s, ${digits(cpu / 1000)} ms of both ends for a MB`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What the SDK costs at the ends: docs/kill-test.md tells how it is measured. Exits 1 where an aim is missed. */
await new Command("client-cost")
  .option(
    "--only <workloads>",
    "of C1 (CPU of both ends for a message), C2 (bytes of a repair), C3 and C4 (streams), H1 to H4 (Hyperswarm), with commas between",
  )
  .option("--with <name>", "another client of the kill test in the place of the SDK")
  .option("--rounds <count>", "how many rounds of C3 to H2, in place of three or five", Number)
  .option("--json <file>", "write the results there")
  .action(main)
  .parseAsync();
