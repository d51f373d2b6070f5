import { REQUESTS_IN_FLIGHT, type Verdict } from "../../protocol/polling.ts";
import type { Clock, Timer } from "../clock.ts";

/** How long an upload waits for its verdict: a proxy that waits for 5 s gets one. */
const VERDICT_MS = 4000;
/** Copies of one upload that wait at one time: browsers have sent five. */
const MAX_ASKERS = 8;

/** Who takes the bytes of uploads, in order. Implemented by relay/polling/poll-link.ts. */
export interface UploadReader {
  /** Whether it takes any now. */
  readonly isReading: boolean;
  /** Takes one body. @returns whether it has taken all of it; else it calls `Uploads.taken` when it has. */
  take(body: Buffer): boolean;
}

type Asker = { readonly tell: (verdict: Verdict) => void; readonly timer: Timer };

/**
 * What a client uploads, by numbers that rise by one: each body is taken once and in order, however many copies of its
 * request come, by whichever connection, and however late; and each copy is told the same.
 */
export class Uploads {
  readonly #clock: Clock;
  readonly #reader: UploadReader;
  /** Bodies that have come whole and are not taken. */
  readonly #bodies = new Map<number, Buffer>();
  readonly #askers = new Map<number, Asker[]>();
  /** The lowest number that has not been taken. */
  #next = 0;
  /** The body of that number is at the reader. */
  #isTaking = false;
  #isOver = false;

  constructor(clock: Clock, reader: UploadReader) {
    this.#clock = clock;
    this.#reader = reader;
  }

  /** Whether an upload of this number may come: one that is further ahead than two may be under way may not. */
  mayCome(number: number): boolean {
    return number < this.#next + REQUESTS_IN_FLIGHT;
  }

  /** Whether the body of this number is still wanted: of a copy it is not. */
  wants(number: number): boolean {
    return !this.#isOver && number >= this.#next && !this.#bodies.has(number);
  }

  /**
   * An upload has come whole. @param body its own memory; empty: it only asks what became of this number.
   * @param tell called once, at once or within the time that a proxy waits.
   */
  came(number: number, body: Buffer, tell: (verdict: Verdict) => void): void {
    if (body.length > 0 && this.wants(number)) this.#bodies.set(number, body);
    if (number < this.#next) tell("applied");
    else if (this.#isOver && !(this.#isTaking && number === this.#next)) tell("refused");
    else {
      this.#ask(number, tell);
      this.takeNext();
    }
  }

  /** Takes what is there and next, as far as the reader reads. */
  takeNext(): void {
    while (!this.#isTaking && !this.#isOver && this.#reader.isReading) {
      const body = this.#bodies.get(this.#next);
      if (body === undefined) return;
      this.#isTaking = true;
      if (this.#reader.take(body)) this.taken();
    }
  }

  /** The reader's: the body at hand has been taken whole. */
  taken(): void {
    if (!this.#isTaking) return;
    this.#isTaking = false;
    this.#bodies.delete(this.#next);
    this.#next += 1;
    this.#tell(this.#next - 1, "applied");
  }

  /** Nothing more is taken, but what is at the reader. */
  end(): void {
    this.#isOver = true;
    for (const number of [...this.#bodies.keys(), ...this.#askers.keys()]) {
      if (this.#isTaking && number === this.#next) continue;
      this.#bodies.delete(number);
      this.#tell(number, "refused");
    }
  }

  /** Nor that. */
  cut(): void {
    this.#isTaking = false;
    this.end();
  }

  #ask(number: number, tell: (verdict: Verdict) => void): void {
    const askers = this.#askers.get(number) ?? [];
    const timer = this.#clock.after(VERDICT_MS, () => this.#putOff(number, asker));
    const asker = { tell, timer };
    askers.push(asker);
    this.#askers.set(number, askers);
    const [oldest] = askers;
    if (askers.length > MAX_ASKERS && oldest !== undefined) this.#putOff(number, oldest);
  }

  #putOff(number: number, asker: Asker): void {
    const others = (this.#askers.get(number) ?? []).filter((other) => other !== asker);
    if (others.length === 0) this.#askers.delete(number);
    else this.#askers.set(number, others);
    asker.timer.cancel();
    asker.tell(this.#bodies.has(number) ? "not-yet" : "missing");
  }

  #tell(number: number, verdict: Verdict): void {
    const askers = this.#askers.get(number) ?? [];
    this.#askers.delete(number);
    for (const { tell, timer } of askers) {
      timer.cancel();
      tell(verdict);
    }
  }
}
