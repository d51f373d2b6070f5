import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const MEBIBYTE = 1_048_576;
const PROGRAM = new URL("../support/young-generation-load.ts", import.meta.url).pathname;

/** How large the young generation of a process is in the end that says of itself to take so many messages a second. */
async function sizeAfterLoad(messagesPerSecond: number): Promise<number> {
  const { stdout } = await run(process.execPath, [PROGRAM, String(messagesPerSecond)]);
  return Number(stdout) / MEBIBYTE;
}

it("stays small where few messages come, however much is allocated, and grows where many come, to some 16 MiB", async () => {
  const [quiet, busy] = await Promise.all([sizeAfterLoad(1000), sizeAfterLoad(20_000)]);

  expect(quiet).toBeLessThanOrEqual(2);
  expect(busy).toBeGreaterThanOrEqual(16);
  // It may double once or twice more before it is looked at, on a machine that is busy with others.
  expect(busy).toBeLessThanOrEqual(64);
});
