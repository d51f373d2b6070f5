#!/usr/bin/env -S node --max-semi-space-size=1
import { run } from "./cli/program.ts";
import { tuneHeap } from "./heap.ts";

tuneHeap();
const exitCode = await run(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signals: process,
});
// Not process.exitCode: after a second signal there are sockets left that would keep the process.
process.exit(exitCode);
