import type { Clock, Timer } from "../clock.ts";

/** A task that is due at most once at a time. */
export class Alarm {
  readonly #clock: Clock;
  readonly #task: () => void;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, task: () => void) {
    this.#clock = clock;
    this.#task = task;
  }

  /** Due in so many ms, or earlier where it is already. */
  within(delayMs: number): void {
    if (this.#clock.monotonicMs() + delayMs < this.#dueMs) this.set(delayMs);
  }

  /** Due in so many ms, whatever was set. */
  set(delayMs: number): void {
    this.cancel();
    this.#dueMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.after(Math.max(0, delayMs), () => {
      this.cancel();
      this.#task();
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}
