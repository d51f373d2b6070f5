import type { Clock } from "../clock.ts";
import type { RateClasses } from "../limits/rate-classes.ts";

/** What the throttle holds back. */
export interface Throttled {
  /** It may be read again. */
  readAgain(): void;
}

/** How often those who wait are looked at. Their rate is kept all the same: who waits longer has saved more meanwhile. */
const TICK_MS = 10;

/** Lets those wait that send above their rate: one timer for all of them, and none while nobody waits. */
export class Throttle {
  /** What each connection may send. */
  readonly rates: RateClasses;
  readonly #clock: Clock;
  readonly #dueAtMs = new Map<Throttled, number>();
  #isTicking = false;
  #hitCount = 0;

  constructor(clock: Clock, rates: RateClasses) {
    this.#clock = clock;
    this.rates = rates;
  }

  /** How often a connection was made to wait for its own rate since the start. */
  get hitCount(): number {
    return this.#hitCount;
  }

  /** A connection is above its own rate. */
  hit(): void {
    this.#hitCount += 1;
  }

  /** How many wait now. */
  get waitingCount(): number {
    return this.#dueAtMs.size;
  }

  /** Calls `readAgain` after this time, or later where it waits for something later already. */
  wait(link: Throttled, durationMs: number): void {
    const before = this.#dueAtMs.get(link);
    const dueAtMs = this.#clock.monotonicMs() + durationMs;
    if (before === undefined || dueAtMs > before) this.#dueAtMs.set(link, dueAtMs);
    if (!this.#isTicking) this.#tick();
  }

  /** It is not waited for any more. Idempotent. */
  forget(link: Throttled): void {
    this.#dueAtMs.delete(link);
  }

  #tick(): void {
    this.#isTicking = true;
    this.#clock.after(TICK_MS, () => this.#lookAround());
  }

  #lookAround(): void {
    this.#isTicking = false;
    const nowMs = this.#clock.monotonicMs();
    for (const [link, dueAtMs] of this.#dueAtMs) {
      if (dueAtMs > nowMs) continue;
      this.#dueAtMs.delete(link);
      link.readAgain();
    }
    // Who was let go may wait again already, and has set it.
    if (this.#dueAtMs.size > 0 && !this.#isTicking) this.#tick();
  }
}
