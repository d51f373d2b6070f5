import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { median } from "./bench/report/statistics.ts";

// What it costs to start a relay: the CPU time of the compiled command until it listens, beside that of a Node
// that does nothing. In turns; the medians. Usage: npm run build && npm run start-cost. Linux alone: it reads /proc.

const RELAY = "dist/relay/main.js";
const ROUNDS = 15;
const NOTHING = ["-e", "console.log('listening'); setInterval(() => undefined, 1000)"];

if (!existsSync(RELAY)) throw new Error(`there is no ${RELAY}: npm run build`);
const relay: Start[] = [];
const nothing: Start[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  nothing.push(await start(NOTHING));
  relay.push(await start([RELAY, "--port", "0", "--host", "127.0.0.1", "--tls", "off"]));
}
const [[relayCpu, relayWall], [nothingCpu, nothingWall]] = [summary(relay), summary(nothing)];
console.info(
  `relay: ${relayCpu} ms CPU, listening after ${relayWall} ms\nNode alone: ${nothingCpu} ms CPU, after ${nothingWall} ms\n` +
    `${(relayCpu / nothingCpu).toFixed(1)} times the CPU`,
);

type Start = { readonly cpuMs: number; readonly wallMs: number };

async function start(args: readonly string[]): Promise<Start> {
  const beganAtMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"], env: {} });
  await listening(child);
  const wallMs = performance.now() - beganAtMs;
  const cpuMs = cpuMsOf(child.pid ?? 0);
  child.kill("SIGKILL");
  await once(child, "exit");
  return { cpuMs, wallMs };
}

async function listening({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error("no output");
  for await (const line of createInterface({ input: stdout })) if (/listening/.test(line)) return;
  throw new Error("it ended before it listened");
}

/** The time on a processor of all its threads that have not ended: the first field of their schedstat, in ns. */
function cpuMsOf(pid: number): number {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const times = tasks.map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]));
  return times.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

function summary(starts: readonly Start[]): readonly [number, number] {
  return [Math.round(median(starts.map(({ cpuMs }) => cpuMs))), Math.round(median(starts.map(({ wallMs }) => wallMs)))];
}
