import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { describeHardware } from "./bench/machine.ts";
import { isThere } from "./bench/needs.ts";
import { digits } from "./bench/report/numbers.ts";
import { type CrowdCost, measureAgainstSocketIo, measureMixed } from "./polling-cost/crowd-cost.ts";
import { type FarCost, measureFar } from "./polling-cost/far.ts";
import { type IdleCosts, measureIdleMembers } from "./polling-cost/idle.ts";

/** The aims of the long poll. */
const MIN_MEGABYTES_PER_SECOND = 10;
const MAX_ROUND_TRIPS = 1.2;
const MAX_MEMORY_RATIO = 3;
const MAX_CPU_MS_PER_MINUTE = 5;
const MAX_MIXED_RATIO = 1.5;
const MAX_SOCKET_IO_RATIO = 0.5;

const WORKLOADS = ["P1", "P2", "P3", "P4"] as const;

type Options = { readonly only?: string; readonly members: number; readonly json?: string };

async function main({ only, members, json }: Options): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const chosen = new Set<string>(only?.split(",") ?? WORKLOADS);
  for (const id of chosen) if (!WORKLOADS.some((known) => known === id)) throw new Error(`--only: there is no ${id}`);
  const has = (id: string): boolean => chosen.has(id);
  const far = has("P1") ? await measureFar() : undefined;
  if (far !== undefined) reportFar(far);
  const idle = has("P2") ? await measureIdleMembers() : undefined;
  if (idle !== undefined) reportIdle(idle);
  const mixed = has("P3") ? await measureMixed(members) : [];
  reportCrowds("P3", mixed, MAX_MIXED_RATIO);
  const isSocketIoThere = isThere({ npmPackage: "socket.io" });
  if (has("P4") && !isSocketIoThere)
    say("P4: skipped: Socket.IO is not installed (npm install --prefix $PEERS socket.io)");
  const againstSocketIo = has("P4") && isSocketIoThere ? await measureAgainstSocketIo() : [];
  reportCrowds("P4", againstSocketIo, MAX_SOCKET_IO_RATIO);
  const finishedAt = new Date().toISOString();
  const results = { machine: describeHardware(), finishedAt, far, idle, mixed, againstSocketIo };
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`);
}

function reportFar({ downMegabytesPerSecond, upMegabytesPerSecond, downRoundTrips, upRoundTrips }: FarCost): void {
  say(
    `P1: at a round trip of 100 ms ${digits(downMegabytesPerSecond)} MB/s to the one that polls, ${digits(upMegabytesPerSecond)} MB/s from it; the aim is ${MIN_MEGABYTES_PER_SECOND}. A lone message takes ${digits(downRoundTrips)} and ${digits(upRoundTrips)} round trips; the aim is ${MAX_ROUND_TRIPS}`,
  );
  if (Math.min(downMegabytesPerSecond, upMegabytesPerSecond) < MIN_MEGABYTES_PER_SECOND) process.exitCode = 1;
  if (Math.max(downRoundTrips, upRoundTrips) > MAX_ROUND_TRIPS) process.exitCode = 1;
}

function reportIdle({ polling, websocket }: IdleCosts): void {
  const ratio = polling.kibibytes / websocket.kibibytes;
  say(
    `P2: idle, one that polls takes ${digits(polling.kibibytes)} KiB of the relay, a WebSocket ${digits(websocket.kibibytes)} KiB: ${digits(ratio)} times as much, the aim is ${MAX_MEMORY_RATIO}; and ${digits(polling.cpuMsPerMinute)} ms of CPU a minute, a WebSocket ${digits(websocket.cpuMsPerMinute)} ms; the aim is ${MAX_CPU_MS_PER_MINUTE}`,
  );
  if (ratio > MAX_MEMORY_RATIO || polling.cpuMsPerMinute > MAX_CPU_MS_PER_MINUTE) process.exitCode = 1;
}

function reportCrowds(id: string, costs: readonly CrowdCost[], maxRatio: number): void {
  for (const { pace, micros, yardstickMicros, ratio } of costs) {
    say(
      `${id}, ${pace}: ${digits(micros)} µs of the relay's CPU for a delivery, the yardstick ${digits(yardstickMicros)} µs: ${digits(ratio)} times as much; the aim is ${maxRatio}`,
    );
    if (ratio > maxRatio) process.exitCode = 1;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** What the long poll costs: docs/benchmarks.md tells how it is measured. Exits 1 where an aim is missed. */
await new Command("polling-cost")
  .option(
    "--only <workloads>",
    "of P1 (far from the relay), P2 (idle), P3 (in one topic with WebSockets), P4 (Socket.IO), with commas between",
  )
  .option("--members <count>", "of each topic of P3; fewer join sooner", Number, 2000)
  .option("--json <file>", "write the results there")
  .action(main)
  .parseAsync();
