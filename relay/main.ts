#!/usr/bin/env node
import { isatty } from "node:tty";

// Other servers take these two for their logs. Node would open a debugger at the one, and end at the other.
for (const signal of ["SIGUSR1", "SIGUSR2"]) process.on(signal, () => undefined);

const argv = process.argv.slice(2);
const terminal = {
  env: process.env,
  signals: process,
  // Each when it is asked for: to open a stream takes time.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  isInteractive: [0, 1, 2].some((descriptor) => isatty(descriptor)),
};
// Asked twice a minute beside every relay: it loads what it needs and no relay.
const isHealthCheck = argv.length === 1 && argv[0] === "health";
const exitCode = isHealthCheck ? await checkHealth() : await runProgram();
// Not process.exitCode: after a second signal there are sockets left that would keep the process.
process.exit(exitCode);

async function checkHealth(): Promise<number> {
  const { healthByVariables } = await import("./cli/health.ts");
  return healthByVariables(terminal);
}

async function runProgram(): Promise<number> {
  const { tuneHeap } = await import("./heap.ts");
  tuneHeap();
  const { run } = await import("./cli/program.ts");
  return run(argv, terminal);
}
