#!/usr/bin/env node
import { connect } from "../node.ts";
import { run } from "./program.ts";

// Who has closed the output is done with it: the command notices, and says nothing.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

const { env, stdin, stdout, stderr } = process;
const exitCode = await run(process.argv.slice(2), { env, stdin, stdout, stderr, signals: process }, connect);
await new Promise<void>((resolve) => {
  // Also where it has failed.
  stdout.write("", () => resolve());
});
// Not process.exitCode: standard input, and after a second signal sockets, would keep the process.
process.exit(exitCode);
