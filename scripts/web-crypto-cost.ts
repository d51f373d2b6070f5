import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeHardware } from "./bench/machine.ts";
import { digits } from "./bench/report/numbers.ts";
import type { SealingCost } from "./web-crypto-cost/program.ts";

/** Where `test/clients/install.sh` has put the runtimes. */
const RUNTIMES_FOLDER = process.env["POSTERN_CLIENTS"] ?? join(homedir(), ".cache/postern-clients");
const PROGRAM = fileURLToPath(new URL("./web-crypto-cost/program.ts", import.meta.url));
const TIMEOUT_MS = 60_000;

/** A runtime: its program in that folder, with its flags, and what tells its version. */
const runtimes = [
  ["Node 22", "node_modules/node22/bin/node"],
  ["Node 24", "node_modules/node24/bin/node"],
  ["Node 26", "node_modules/node26/bin/node"],
  ["Bun", "node_modules/bun/bin/bun"],
  ["Deno", "node_modules/deno/deno", "run", "--allow-all", "--no-config", "--node-modules-dir=none"],
] as const;

/** What WebCrypto costs the client's sealing, in each runtime that is installed. */
function main(): void {
  say(`${JSON.stringify(describeHardware())}, ${new Date().toISOString()}`);
  for (const [name, program, ...flags] of runtimes) {
    const path = join(RUNTIMES_FOLDER, program);
    if (existsSync(path)) report(name, measure(path, flags));
    else say(`${name}: not run, it is not in ${RUNTIMES_FOLDER}: test/clients/install.sh javascript`);
  }
}

function measure(path: string, flags: readonly string[]): readonly SealingCost[] {
  const printed = execFileSync(path, [...flags, PROGRAM], { timeout: TIMEOUT_MS, encoding: "utf8" });
  return JSON.parse(printed.trim().split("\n").at(-1) ?? "") as readonly SealingCost[];
}

function report(name: string, costs: readonly SealingCost[]): void {
  for (const { frameBytes, cpuMicros, elapsedMicros } of costs) {
    say(
      `${name}: a frame of ${frameBytes} bytes: ${digits(cpuMicros)} µs of CPU, ${digits(elapsedMicros)} µs until it is done`,
    );
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main();
