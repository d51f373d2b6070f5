import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const MEBIBYTE = 1_048_576;
const PROGRAM = new URL("../support/young-generation-load.ts", import.meta.url).pathname;

/** How large, in MiB, the young generation of a process was and is that says of itself to take so many messages a second. */
async function sizesUnderLoad(messagesPerSecond: number): Promise<{ readonly before: number; readonly now: number }> {
  const { stdout } = await run(process.execPath, [PROGRAM, String(messagesPerSecond)]);
  const [before = Number.NaN, now = Number.NaN] = stdout.split(" ").map((text) => Number(text) / MEBIBYTE);
  return { before, now };
}

it("holds its size where few messages come, however much is allocated, and grows where many come, to some 16 MiB", async () => {
  const quiet = await sizesUnderLoad(1000);
  const busy = await sizesUnderLoad(20_000);

  // Two MiB are what one half of 1 MiB becomes with the other. What was loaded before may have made it larger.
  expect(quiet.now).toBeLessThanOrEqual(Math.max(2, quiet.before * 2));
  expect(busy.now).toBeGreaterThanOrEqual(16);
});
