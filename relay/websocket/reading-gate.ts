import { ClassRate, type RateCost } from "../limits/class-rate.ts";
import type { Throttle, Throttled } from "./throttle.ts";

/** What keeps a link from being read; it is read while none of them does. Bits of one number. */
export const Reason = { congestion: 1, rate: 2, held: 4 } as const;

/** What the gate opens and shuts: a link. */
export interface GatedReading {
  /** Takes nothing more after the message at hand. */
  stopReading(): void;
  /** Goes on, with what waited first. Called in a later turn than the one that allowed it. */
  goOnReading(): void;
}

/** Whether one link is read: why not, whether it was not for a while, and what it may still say at its rate. */
export class ReadingGate implements Throttled {
  readonly #reading: GatedReading;
  readonly #throttle: Throttle;
  readonly #rate: ClassRate;
  /** Why it is not read; 0: it is. */
  #shutFor = 0;
  #wasShut = false;
  #isFree = false;

  /** @param throttle shared by all; it has the rates. @param nowMs on the clock of `came`. */
  constructor(reading: GatedReading, throttle: Throttle, nowMs: number) {
    this.#reading = reading;
    this.#throttle = throttle;
    this.#rate = new ClassRate(throttle.rates, nowMs);
  }

  get isOpen(): boolean {
    return this.#shutFor === 0;
  }

  shut(reason: number): void {
    if (this.#isFree) return;
    const isNews = this.#shutFor === 0;
    this.#shutFor |= reason;
    if (!isNews) return;
    this.#wasShut = true;
    this.#reading.stopReading();
  }

  open(reason: number): void {
    if ((this.#shutFor & reason) === 0) return;
    this.#shutFor &= ~reason;
    // Not at once: the hub is in the middle of something, and what waits here may call it again.
    if (this.#shutFor === 0) setImmediate(() => this.#goOn());
  }

  /** Shuts it for so long at least. */
  shutFor(durationMs: number): void {
    if (this.#isFree) return;
    this.shut(Reason.rate);
    this.#throttle.wait(this, durationMs);
  }

  /** The throttle's: takes `shutFor` back. */
  readAgain(): void {
    this.open(Reason.rate);
  }

  /** Opens it for good: the peer's last words must be heard, and none of them is taken for more. */
  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    this.#throttle.forget(this);
    this.open(Reason.congestion | Reason.rate | Reason.held);
  }

  /** Whether it was shut at any time since this was last asked: then silence is not the peer's. */
  wasShut(): boolean {
    const wasShut = this.#wasShut;
    this.#wasShut = this.#shutFor !== 0;
    return wasShut;
  }

  /** From now on its peer may send as fast as this class may; undefined: as those without one. */
  limitTo(rateClass: string | undefined, nowMs: number): void {
    this.#rate.limitTo(rateClass, nowMs);
  }

  /** Something has come. @returns whether its bytes are more than the rate allows: once they are taken, `keepToRate` is due. */
  came(byteCount: number, nowMs: number): boolean {
    this.#rate.fill(nowMs);
    return this.#rate.tookBytes(byteCount);
  }

  /** It goes on with what has come before. */
  goesOn(nowMs: number): void {
    this.#rate.fill(nowMs);
  }

  /** Counts a message. */
  tookMessage(): void {
    if (this.#rate.tookMessage()) this.keepToRate();
  }

  /** Counts what stands for more than what came. */
  charge(cost: RateCost): void {
    if (this.#rate.took(cost)) this.keepToRate();
  }

  /** What came is taken; what comes next waits until the rate allows it. */
  keepToRate(): void {
    const { waitMs } = this.#rate;
    if (waitMs === 0 || this.#isFree) return;
    if ((this.#shutFor & Reason.rate) === 0) this.#throttle.hit();
    this.shutFor(waitMs);
  }

  #goOn(): void {
    if (this.#shutFor === 0) this.#reading.goOnReading();
  }
}
