import type { RateClasses } from "./rate-classes.ts";
import { type Rates, SenderRate } from "./sender-rate.ts";

/** What is counted towards the rates of a connection. */
export type RateCost = { readonly messageCount: number; readonly byteCount: number };

/** What one connection has left of the rates of its class; a class without rates is as fast as messages come. */
export class ClassRate {
  readonly #classes: RateClasses;
  #rates: Rates | undefined;
  #rate: SenderRate | undefined;

  constructor(classes: RateClasses, nowMs: number) {
    this.#classes = classes;
    this.limitTo(undefined, nowMs);
  }

  /** From now on it may send as fast as this class may; undefined: as those without one. A change is no fresh start. */
  limitTo(rateClass: string | undefined, nowMs: number): void {
    const rates = this.#classes.of(rateClass);
    if (rates === this.#rates) return;
    this.#rates = rates;
    const isLimited = rates.messages !== undefined || rates.bytes !== undefined;
    this.#rate = isLimited ? new SenderRate(rates, nowMs, this.#rate) : undefined;
  }

  /** Adds what the time since the last call has brought. */
  fill(nowMs: number): void {
    this.#rate?.fill(nowMs);
  }

  /** Counts bytes. @returns whether nothing is left of one of the rates. */
  tookBytes(byteCount: number): boolean {
    return this.#rate?.tookBytes(byteCount) === true;
  }

  /** Counts one message. @returns whether nothing is left of one of the rates. */
  tookMessage(): boolean {
    return this.#rate?.tookMessage() === true;
  }

  /** Counts both. @returns whether nothing is left of one of the rates. */
  took({ messageCount, byteCount }: RateCost): boolean {
    let isSpent = this.tookBytes(byteCount);
    for (let left = messageCount; left > 0; left -= 1) isSpent = this.tookMessage() || isSpent;
    return isSpent;
  }

  /** How long after the last `fill` there is something left, in milliseconds; 0: there is. */
  get waitMs(): number {
    return this.#rate?.waitMs ?? 0;
  }
}
