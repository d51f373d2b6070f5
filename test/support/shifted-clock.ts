import { type Clock, systemClock, type Timer } from "../../relay/clock.ts";

/** This machine's clock, whose calendar can be set forward: days pass between two runs, and timers run as ever. */
export class ShiftedClock implements Clock {
  #shiftMs = 0;

  epochMs(): number {
    return systemClock.epochMs() + this.#shiftMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs();
  }

  every(intervalMs: number, task: () => void): Timer {
    return systemClock.every(intervalMs, task);
  }

  after(delayMs: number, task: () => void): Timer {
    return systemClock.after(delayMs, task);
  }

  /** Sets the calendar forward. */
  shift(durationMs: number): void {
    this.#shiftMs += durationMs;
  }
}
