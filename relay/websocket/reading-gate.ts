/** What keeps a link from being read; it is read while none of them does. Bits of one number. */
export const Reason = { congestion: 1, rate: 2, held: 4 } as const;

/** All reasons at once. */
export const ANY_REASON: number = Reason.congestion | Reason.rate | Reason.held;

/** What the gate opens and shuts: a link. */
export interface GatedReading {
  /** Takes nothing more after the message at hand. */
  stopReading(): void;
  /** Goes on, with what waited first. Called in a later turn than the one that allowed it. */
  goOnReading(): void;
}

/** Whether one link is read: why not, and whether it was not for a while. */
export class ReadingGate {
  readonly #reading: GatedReading;
  /** Why it is not read; 0: it is. */
  #shutFor = 0;
  #wasShut = false;

  constructor(reading: GatedReading) {
    this.#reading = reading;
  }

  get isOpen(): boolean {
    return this.#shutFor === 0;
  }

  isShutFor(reason: number): boolean {
    return (this.#shutFor & reason) !== 0;
  }

  shut(reason: number): void {
    const isNews = this.#shutFor === 0;
    this.#shutFor |= reason;
    if (!isNews) return;
    this.#wasShut = true;
    this.#reading.stopReading();
  }

  open(reasons: number): void {
    if ((this.#shutFor & reasons) === 0) return;
    this.#shutFor &= ~reasons;
    // Not at once: the hub is in the middle of something, and what waits here may call it again.
    if (this.#shutFor === 0) setImmediate(() => this.#goOn());
  }

  /** Whether it was shut at any time since this was last asked: then silence is not the peer's. */
  wasShut(): boolean {
    const wasShut = this.#wasShut;
    this.#wasShut = this.#shutFor !== 0;
    return wasShut;
  }

  #goOn(): void {
    if (this.#shutFor === 0) this.#reading.goOnReading();
  }
}
