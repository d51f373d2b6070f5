import { expect, it } from "vitest";
import { Run } from "../support/process.ts";

const SCRIPT = "scripts/container-check.ts";

it("says why it does not run where there is no engine, or one without its daemon, and fails nothing", async () => {
  const absent = new Run([SCRIPT, "--engine", "no-such-engine"], { command: "node_modules/.bin/node" });
  const broken = new Run([SCRIPT, "--engine", "false"], { command: "node_modules/.bin/node" });

  expect(await Promise.all([absent.exitCode(), broken.exitCode()])).toEqual([0, 0]);
  expect([absent.stdout, broken.stdout]).toEqual([
    "not run: no-such-engine does not work here\n",
    "not run: false does not work here\n",
  ]);
});
