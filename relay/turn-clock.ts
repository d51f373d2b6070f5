import type { Clock, Timer } from "./clock.ts";

/**
 * The clock of everything that judges a client or is done per message: it looks at the time once per chunk that comes in
 * and once per timer, not once per message (80 ns). One for the relay, made by its composition root.
 */
export class TurnClock implements Clock {
  readonly #clock: Clock;
  #nowMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#nowMs = clock.monotonicMs();
  }

  /** Monotonic milliseconds as of the last look at the time. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Looks at the time. @returns it. */
  tick(): number {
    this.#nowMs = this.#clock.monotonicMs();
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#clock.epochMs();
  }

  monotonicMs(): number {
    return this.tick();
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#clock.every(intervalMs, () => this.#run(task));
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#clock.after(delayMs, () => this.#run(task));
  }

  #run(task: () => void): void {
    this.tick();
    task();
  }
}
