import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { systemClock } from "../../client/clock.ts";

it.each([Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40])("waits for %d ms, and not for one", async (delayMs) => {
  let hasRun = false;
  const timer = systemClock.after(delayMs, () => {
    hasRun = true;
  });

  await sleep(30);
  timer.cancel();

  expect(hasRun).toBe(false);
});
