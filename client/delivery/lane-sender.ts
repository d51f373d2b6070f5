import { type AcknowledgementFrame, chunkCost, contentBytesOf, writeSeq } from "./frame.ts";

/** So much may be on its way to one peer, and is kept until the peer has acknowledged it. One message may go beyond. */
export const WINDOW_BYTES: number = 1024 * 1024;

/** A chunk to one peer: its frame, which is the sender's from here on, and still without a number. */
export type Outgoing = {
  readonly frame: Uint8Array;
  /** Tells those before a call of `idle` from those after it. */
  readonly epoch?: number | undefined;
  /** Needs no room at the receiver: it goes also beyond the window. */
  readonly isControl?: boolean | undefined;
};

/** What keeping a chunk is counted as, in bytes. */
export function costOf({ frame }: Outgoing): number {
  return chunkCost(contentBytesOf(frame));
}

/** How much a sender may have on its way at most, and at first, in bytes. */
export type SenderWindow = { readonly maxWindowBytes: number; readonly creditBytes: number };

/** From where on a sender has its messages, and up to where they were acknowledged: what lies between was given up. */
export type SenderNumbers = { readonly first: number; readonly confirmed: number };

/** What a sender leaves to a later one to the same peer. */
export type SenderRest = SenderNumbers & {
  /** Above all numbers that were ever sent, or given up. */
  readonly high: number;
  /** What was not acknowledged, from `first` on. */
  readonly kept: readonly Outgoing[];
};

/** The sending half of a lane: it numbers chunks from 1, and keeps their frames until they are acknowledged. */
export class LaneSender {
  #isPaused = false;
  readonly #kept: Outgoing[] = [];
  #keptBytes = 0;
  /** How many of those kept have been sent since the last rewind, and their bytes. */
  #sentCount = 0;
  #sentBytes = 0;
  #first: number;
  #confirmed: number;
  /** Above all numbers that were ever sent, or given up. */
  #high: number;
  /** More than that is never on its way, whatever the receiver offers. */
  readonly #maxWindowBytes: number;
  #creditBytes: number;

  constructor({ first, confirmed, high, kept }: SenderRest, { maxWindowBytes, creditBytes }: SenderWindow) {
    this.#maxWindowBytes = maxWindowBytes;
    this.#creditBytes = creditBytes;
    this.#first = first;
    this.#confirmed = confirmed;
    this.#high = high;
    for (const message of kept) this.add(message);
  }

  /** What is kept, in bytes. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** For another message: then it gets its number. */
  get hasRoom(): boolean {
    return this.#keptBytes < this.#creditBytes;
  }

  get numbers(): SenderNumbers {
    return { first: this.#first, confirmed: this.#confirmed };
  }

  /** The epoch of the oldest message that is not acknowledged. */
  get oldestEpoch(): number | undefined {
    return this.#kept[0]?.epoch;
  }

  /** Something was sent, or given up, and nobody has said that it arrived. */
  get isUnsure(): boolean {
    return this.#high > this.#confirmed;
  }

  /** Something of what is kept was sent, and would be sent again after a rewind. */
  get isAhead(): boolean {
    return this.#sentCount > 0;
  }

  /** Gives a chunk its number. @returns the number */
  add(message: Outgoing): number {
    const seq = this.#first + this.#kept.length;
    writeSeq(message.frame, seq);
    this.#kept.push(message);
    this.#keptBytes += costOf(message);
    return seq;
  }

  /** The next frame to send; undefined where there is none, or it has to wait. */
  take(): Uint8Array | undefined {
    const next = this.#kept[this.#sentCount];
    if (next === undefined || this.#isPaused) return;
    if (next.isControl !== true && this.#sentBytes >= this.#creditBytes) return;
    this.#sentCount += 1;
    this.#sentBytes += costOf(next);
    this.#high = Math.max(this.#high, this.#first + this.#sentCount);
    return next.frame;
  }

  /**
   * Forgets what has arrived. The byte limit counts from `next` on; more than the window is taken as the window.
   * @returns false where it cannot be true: it was never sent, or acknowledged before and now no more.
   */
  acknowledge({ next, byteLimit, purpose }: Omit<AcknowledgementFrame, "seq" | "stream">): boolean {
    if (next > this.#high || (next < this.#confirmed && purpose === "progress")) return false;
    const arrived = this.#kept.splice(0, Math.max(0, next - this.#first));
    let bytes = 0;
    for (const message of arrived) bytes += costOf(message);
    this.#first += arrived.length;
    this.#keptBytes -= bytes;
    this.#sentCount = Math.max(0, this.#sentCount - arrived.length);
    this.#sentBytes = Math.max(0, this.#sentBytes - bytes);
    this.#confirmed = Math.max(this.#confirmed, next);
    this.#creditBytes = Math.min(byteLimit, this.#maxWindowBytes);
    return true;
  }

  /** Sends nothing until `goOn` or `rewind`. */
  pause(): void {
    this.#isPaused = true;
  }

  goOn(): void {
    this.#isPaused = false;
  }

  /** Goes on from the first that is kept. */
  rewind(): void {
    this.#isPaused = false;
    this.#sentCount = 0;
    this.#sentBytes = 0;
  }

  /** Gives up what has never been sent, but for controls: its numbers are free. @returns how many chunks that were. */
  dropUnsent(): number {
    let count = 0;
    for (const message of this.#kept.splice(this.#high - this.#first)) {
      this.#keptBytes -= costOf(message);
      if (message.isControl === true) this.add(message);
      else count += 1;
    }
    return count;
  }

  /** With what a later sender to the same peer has to begin: no number is given twice. */
  get rest(): SenderRest {
    return { ...this.numbers, high: this.#high, kept: this.#kept };
  }
}
