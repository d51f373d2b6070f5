import { expect, it } from "vitest";
import { TurnClock } from "../../relay/turn-clock.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A machine whose process can be stopped: its time goes on, and what was due meanwhile runs late, all at once. */
class StoppableClock extends FakeClock {
  #stoppedMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#stoppedMs;
  }

  /** SIGSTOP, and SIGCONT after this time. */
  stop(durationMs: number): void {
    this.#stoppedMs += durationMs;
  }
}

function scene() {
  const machine = new StoppableClock();
  const clock = new TurnClock(machine);
  clock.start();
  return { machine, clock };
}

it("looks at the time once per turn: it stands still between two looks", () => {
  const { machine, clock } = scene();
  machine.advance(1000);
  const before = clock.nowMs;

  machine.advance(150);

  expect(clock.nowMs).toBe(before);
  expect(clock.tick()).toBe(before + 150);
});

it("is not late by what a busy turn takes, and by all but a heartbeat of a standstill", () => {
  const { machine, clock } = scene();
  machine.advance(1000);

  machine.stop(150);
  machine.advance(200);
  const afterBusyTurn = clock.monotonicMs();
  machine.stop(10_000);
  machine.advance(200);

  expect(afterBusyTurn).toBe(1350);
  expect(clock.nowMs).toBe(11_550);
  expect(clock.monotonicMs()).toBe(1350 + 200);
  expect(clock.judgedMs).toBe(1350 + 200);
});

it("puts off the time limits of clients by as much as the relay stood still", () => {
  const { machine, clock } = scene();
  let ranAtMs: number | undefined;
  clock.after(5000, () => {
    ranAtMs = machine.monotonicMs();
  });
  machine.advance(2000);

  machine.stop(2500);
  for (let count = 0; count < 100; count += 1) machine.advance(100);

  expect(ranAtMs).toBeGreaterThanOrEqual(7500 - 200);
  expect(ranAtMs).toBeLessThanOrEqual(7500 + 200);
});

it("puts off what is put off again, and does not run what was cancelled meanwhile", () => {
  const { machine, clock } = scene();
  let runs = 0;
  const timer = clock.after(1000, () => (runs += 1));
  machine.advance(500);
  machine.stop(5000);
  machine.advance(400);
  const afterStop = runs;

  timer.cancel();
  machine.advance(10_000);

  expect([afterStop, runs]).toEqual([0, 0]);
});

it("takes nothing for a standstill while nothing looks at the time: before it starts, and after it stops", () => {
  const machine = new StoppableClock();
  const clock = new TurnClock(machine);
  machine.advance(60_000);
  const beforeStart = clock.monotonicMs();
  clock.start();
  machine.advance(1000);
  clock.stop();
  clock.stop();

  machine.advance(60_000);

  expect([beforeStart, clock.monotonicMs()]).toEqual([60_000, 121_000]);
});

it("looks at the time whenever a timer runs, and runs tasks in the next turn", async () => {
  const { machine, clock } = scene();
  const seen: number[] = [];
  const timer = clock.every(100, () => seen.push(clock.nowMs));
  const turns: string[] = [];

  machine.advance(300);
  timer.cancel();
  machine.advance(300);
  const inNextTurn = new Promise<void>((resolve) => {
    clock.nextTurn(() => {
      turns.push("next");
      resolve();
    });
  });
  turns.push("this");
  await inNextTurn;

  expect(seen).toEqual([100, 200, 300]);
  expect(turns).toEqual(["this", "next"]);
  expect(clock.epochMs()).toBe(machine.epochMs());
});
