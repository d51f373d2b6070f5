/** How long to wait between attempts. */
export type BackOffOptions = { readonly minDelayMs: number; readonly maxDelayMs: number };

/** Full jitter: each wait is random up to a bound that doubles, so that many clients do not come back together. */
export class BackOff {
  readonly #random: () => number;
  readonly #options: BackOffOptions;
  #attemptCount = 0;

  /** @param random from 0 up to, without, 1. */
  constructor(random: () => number, options: BackOffOptions) {
    this.#random = random;
    this.#options = options;
  }

  /** How long to wait before the next attempt. */
  nextMs(): number {
    const boundMs = Math.min(this.#options.maxDelayMs, this.#options.minDelayMs * 2 ** this.#attemptCount);
    this.#attemptCount += 1;
    return this.#random() * boundMs;
  }

  /** Something has lasted: the next wait is short again. */
  reset(): void {
    this.#attemptCount = 0;
  }
}
