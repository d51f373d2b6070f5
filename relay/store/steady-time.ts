import type { Clock } from "../clock.ts";

/** What the two clocks of a machine may differ in between two looks before it counts as a jump. */
const TOLERANCE_MS = 600_000;
/** A clock that was set and stays so is believed after this: it was wrong before. */
const BELIEVED_AFTER_MS = 86_400_000;

/**
 * The time of day by which it is judged what has expired. Where the clock of the machine jumps, this one goes on at the
 * pace at which time passes, for a day: a clock that is wrong for an hour must not end what was to be kept for months.
 */
export class SteadyTime {
  readonly #clock: Pick<Clock, "epochMs" | "monotonicMs">;
  #nowMs: number;
  #lookedAtMs: number;
  #apartSinceMs: number | undefined;

  constructor(clock: Pick<Clock, "epochMs" | "monotonicMs">) {
    this.#clock = clock;
    this.#nowMs = clock.epochMs();
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** Whether the machine's clock says something else, and is not believed. */
  get isApart(): boolean {
    return this.#apartSinceMs !== undefined;
  }

  /** Milliseconds since the epoch. */
  nowMs(): number {
    const lookedAtMs = this.#clock.monotonicMs();
    const told = this.#clock.epochMs();
    const passed = this.#nowMs + (lookedAtMs - this.#lookedAtMs);
    this.#lookedAtMs = lookedAtMs;
    if (Math.abs(told - passed) <= TOLERANCE_MS) {
      this.#apartSinceMs = undefined;
      this.#nowMs = Math.max(this.#nowMs, told);
      return this.#nowMs;
    }
    this.#apartSinceMs ??= lookedAtMs;
    const isBelieved = lookedAtMs - this.#apartSinceMs >= BELIEVED_AFTER_MS;
    if (isBelieved) this.#apartSinceMs = undefined;
    this.#nowMs = isBelieved ? told : passed;
    return this.#nowMs;
  }
}
