/** A rate, and how much of it may come at once after a silence. */
export type Rate = { readonly perSecond: number; readonly burst: number };

/** Less than a whole token is none: a message is not sent in parts. */
const ONE = 1;
/** What is lost to rounding in a sum of fractions. */
const ROUNDING = 1e-9;
const ENOUGH = ONE - ROUNDING;
/**
 * What may be owed, in time, unless it was taken at once: one who takes and goes leaves the debt to others, and they are
 * not to wait for ever.
 */
const MAX_DEBT_MS = 5000;
/** To fill more often than this is work for nothing. */
const STEP_MS = 1;

/**
 * A token bucket: full at the start, and filled at a steady rate. What is taken may be more than there is: then whoever
 * took it owes the rest, and waits until there is a whole token again.
 */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #filledAtMs: number;

  /**
   * @param nowMs a monotonic time in milliseconds, as in all methods.
   * @param fullness what part of its burst it has at the start; below 0 it owes.
   */
  constructor(rate: Rate, nowMs: number, fullness = 1) {
    this.#rate = rate;
    this.#tokens = Math.max(ONE, rate.burst) * fullness;
    this.#filledAtMs = nowMs;
  }

  /** What part of its burst there is as of the last `fill`: up to 1; below 0 where it owes. */
  get fullness(): number {
    return this.#tokens / Math.max(ONE, this.#rate.burst);
  }

  /** Whether there is no whole token. */
  get isSpent(): boolean {
    return this.#tokens < ENOUGH;
  }

  /** Adds what the time since the last call has brought, in steps of a millisecond. */
  fill(nowMs: number): void {
    const elapsedMs = nowMs - this.#filledAtMs;
    if (elapsedMs < STEP_MS) return;
    this.#filledAtMs = nowMs;
    const { perSecond, burst } = this.#rate;
    this.#tokens = Math.min(Math.max(ONE, burst), this.#tokens + (elapsedMs * perSecond) / 1000);
  }

  /** Takes this much, whether it is there or not. What is owed then is no more than this, or what 5 s bring. */
  take(count: number): void {
    const maxDebt = Math.max(count, (this.#rate.perSecond * MAX_DEBT_MS) / 1000);
    this.#tokens = Math.max(this.#tokens - count, -maxDebt);
  }

  /** Takes one token if there is one. */
  tryTake(nowMs: number): boolean {
    this.fill(nowMs);
    if (this.#tokens < ENOUGH) return false;
    this.#tokens -= ONE;
    return true;
  }

  /** How long after the last `fill` there is a token again, in milliseconds; 0: there is one. */
  get waitMs(): number {
    const missing = ENOUGH - this.#tokens;
    return missing <= 0 ? 0 : (missing * 1000) / this.#rate.perSecond;
  }
}
