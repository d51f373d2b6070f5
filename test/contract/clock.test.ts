import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { TurnClock } from "../../relay/turn-clock.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** What every clock does: the system's, the one that looks once a turn, and the one that tests turn by hand. */
function clockContract(
  name: string,
  create: () => { clock: Clock; pass: (durationMs: number) => Promise<void> },
): void {
  describe(name, () => {
    it("runs a task once after its delay, and not before", async () => {
      const { clock, pass } = create();
      const ran: number[] = [];
      const startMs = clock.monotonicMs();

      clock.after(20, () => ran.push(clock.monotonicMs() - startMs));
      await pass(60);

      expect(ran).toHaveLength(1);
      // A millisecond of grace: timers are rounded to one.
      expect(ran[0]).toBeGreaterThanOrEqual(19);
    });

    it("runs a repeated task until it is cancelled, and cancelling twice does no harm", async () => {
      const { clock, pass } = create();
      const runs: number[] = [];

      const timer = clock.every(10, () => {
        runs.push(clock.monotonicMs());
        if (runs.length === 3) timer.cancel();
      });
      // On a busy machine ticks come late, and late ones are not made up for.
      while (runs.length < 3) await pass(10);
      await pass(50);
      timer.cancel();

      expect(runs).toHaveLength(3);
    });

    it("does not run what was cancelled", async () => {
      const { clock, pass } = create();
      let runs = 0;

      clock.after(5, () => (runs += 1)).cancel();
      await pass(30);

      expect(runs).toBe(0);
    });

    it("counts milliseconds since the epoch, and never goes back", async () => {
      const { clock, pass } = create();
      const before = clock.monotonicMs();

      await pass(5);

      expect(clock.monotonicMs()).toBeGreaterThan(before);
      expect(new Date(clock.epochMs()).getFullYear()).toBeGreaterThanOrEqual(2024);
    });
  });
}

clockContract("the system's clock", () => ({
  clock: systemClock,
  pass: (durationMs) =>
    new Promise((resolve) => {
      setTimeout(resolve, durationMs);
    }),
}));

clockContract("the fake clock", () => {
  const clock = new FakeClock();
  return { clock, pass: (durationMs) => Promise.resolve(clock.advance(durationMs)) };
});

clockContract("a turn clock", () => {
  const machine = new FakeClock();
  const clock = new TurnClock(machine);
  clock.start();
  return { clock, pass: (durationMs) => Promise.resolve(machine.advance(durationMs)) };
});

it("a turn clock stands still between two looks at the time, and looks before each task", () => {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const seenMs: number[] = [];
  turnClock.after(20, () => seenMs.push(turnClock.nowMs));
  turnClock.every(30, () => seenMs.push(turnClock.nowMs));

  clock.advance(10);
  const before = turnClock.nowMs;
  const looked = turnClock.tick();
  clock.advance(25);

  expect([before, looked, turnClock.nowMs]).toEqual([0, 10, 30]);
  expect(seenMs).toEqual([20, 30]);
});
