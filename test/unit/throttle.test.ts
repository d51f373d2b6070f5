import { expect, it } from "vitest";
import type { Clock } from "../../relay/clock.ts";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { FakeClock } from "../support/fake-clock.ts";

it("has one timer, however often those who wait are forgotten before it is due", () => {
  const clock = new FakeClock();
  let timerCount = 0;
  const counting: Clock = {
    epochMs: () => clock.epochMs(),
    monotonicMs: () => clock.monotonicMs(),
    every: (intervalMs, task) => clock.every(intervalMs, task),
    after: (delayMs, task) => {
      timerCount += 1;
      return clock.after(delayMs, task);
    },
  };
  const throttle = new Throttle(counting, new RateClasses({ messages: undefined, bytes: undefined }));

  for (let count = 0; count < 100; count += 1) {
    const link = { readAgain: () => undefined };
    throttle.wait(link, 50);
    throttle.forget(link);
  }

  expect(timerCount).toBe(1);
});

it("lets each go when its time has come, and not before", () => {
  const clock = new FakeClock();
  const throttle = new Throttle(clock, new RateClasses({ messages: undefined, bytes: undefined }));
  const gone: string[] = [];
  throttle.wait({ readAgain: () => void gone.push("early") }, 20);
  throttle.wait({ readAgain: () => void gone.push("late") }, 40);

  for (let passedMs = 0; passedMs < 30; passedMs += 10) clock.advance(10);
  const afterThirty = [...gone];
  for (let passedMs = 0; passedMs < 20; passedMs += 10) clock.advance(10);

  expect(afterThirty).toEqual(["early"]);
  expect(gone).toEqual(["early", "late"]);
});
