import { expect, it } from "vitest";
import { MemoryPressure } from "../../relay/limits/memory-pressure.ts";
import { FakeClock } from "../support/fake-clock.ts";

function scene(maxRssBytes: number) {
  const clock = new FakeClock();
  const process = { rssBytes: 0 };
  const memory = new MemoryPressure(clock, () => process.rssBytes, { maxRssBytes });
  memory.start();
  const isHighAt = (rssBytes: number): boolean => {
    process.rssBytes = rssBytes;
    clock.advance(1000);
    return memory.isHigh;
  };
  return { memory, clock, isHighAt };
}

it("is high one byte above the limit, and stays so until a tenth of it is free", () => {
  const { isHighAt } = scene(1000);

  expect([1000, 1001, 1000, 901, 900, 1000, 1001].map(isHighAt)).toEqual([false, true, true, true, false, false, true]);
});

it("is never high where there is no limit", () => {
  expect(scene(0).isHighAt(1e15)).toBe(false);
});

it("looks no more once it is stopped", () => {
  const { memory, isHighAt } = scene(1000);

  memory.stop();

  expect(isHighAt(2000)).toBe(false);
});
