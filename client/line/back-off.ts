/** How long to wait between attempts. */
export type BackOffOptions = { readonly minDelayMs: number; readonly maxDelayMs: number };

/**
 * How far the bound grows at first, and up to which attempt it stays there: a relay that starts anew is back within seconds,
 * and who has doubled its bound meanwhile would come seconds after it.
 */
const EARLY_BOUND_MS = 1000;
const EARLY_ATTEMPT_COUNT = 10;

/**
 * Full jitter: each wait is random up to a bound, so that many clients do not come back together. The bound doubles up to a second,
 * stays there until the tenth attempt, and doubles on to its maximum.
 */
export class BackOff {
  readonly #random: () => number;
  readonly #options: BackOffOptions;
  #attemptCount = 0;
  #boundMs = 0;

  /** @param random from 0 up to, without, 1. */
  constructor(random: () => number, options: BackOffOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** How long to wait before the next attempt. */
  nextMs(): number {
    const { minDelayMs, maxDelayMs } = this.#options;
    const isEarly = this.#boundMs >= EARLY_BOUND_MS && this.#attemptCount < EARLY_ATTEMPT_COUNT;
    if (!isEarly) this.#boundMs = Math.min(maxDelayMs, this.#boundMs === 0 ? minDelayMs : this.#boundMs * 2);
    this.#attemptCount += 1;
    return this.#random() * this.#boundMs;
  }

  /** It was there for a moment: the next waits are as early ones, whatever the bound had grown to. */
  ease(): void {
    this.#attemptCount = 0;
    this.#boundMs = Math.min(this.#boundMs, EARLY_BOUND_MS);
  }

  /** Something has lasted: the next wait is short again. */
  reset(): void {
    this.#attemptCount = 0;
    this.#boundMs = 0;
  }
}
