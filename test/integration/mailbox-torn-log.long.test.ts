import { expect, it } from "vitest";
import { cutLogs } from "../support/mailbox-torn-log.ts";

it("recovers what a torn log still holds, wherever it was cut, and never a part of a commit", async () => {
  const { frameCount, counts } = await cutLogs((count) => Array.from({ length: count + 1 }, (_, frame) => frame));

  expect(frameCount).toBeGreaterThan(8);
  expect([counts[0], counts.at(-1)]).toEqual([3, 11]);
});
