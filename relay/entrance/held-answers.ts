import type { Clock, Timer } from "../clock.ts";

/** How long an upgrade is kept waiting for its refusal, at most: Firefox holds other sockets to the relay's address behind it. */
export const MAX_HELD_ANSWER_MS = 1000;
/** Answers that are held at one time; further ones are given at once. */
const MAX_HELD_ANSWERS = 256;

/** Answers to those who come back too often, which they get a moment later: it is they who wait then, and not the relay. */
export class HeldAnswers {
  readonly #clock: Clock;
  readonly #held = new Map<Timer, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back in so many milliseconds, a second at most; with 0, and where too many are held, at once. */
  hold(delayMs: number, answer: () => void): void {
    if (delayMs === 0 || this.#held.size >= MAX_HELD_ANSWERS) {
      answer();
      return;
    }
    const timer = this.#clock.after(Math.min(delayMs, MAX_HELD_ANSWER_MS), () => {
      this.#held.delete(timer);
      answer();
    });
    this.#held.set(timer, answer);
  }

  /** Gives those that are left. */
  stop(): void {
    for (const [timer, answer] of this.#held) {
      timer.cancel();
      answer();
    }
    this.#held.clear();
  }
}
