import { type AcknowledgementFrame, encodeChunk } from "./frame.ts";

/** The one stream to each peer that this version knows. */
export const DIRECT_STREAM = 0;

/** So much may be on its way to one peer, and is kept until the peer has acknowledged it. One message may go beyond. */
export const WINDOW_BYTES: number = 1024 * 1024;

/** What it takes to keep a message, beside its bytes: else many small ones would fill the memory within the window. */
const KEEPING_BYTES = 64;

/** A message to one peer. `epoch` tells those before a call of `idle` from those after it. */
export type Outgoing = { readonly payload: Uint8Array; readonly epoch: number };

/** What keeping a message is counted as, in bytes. */
export function costOf({ payload }: Outgoing): number {
  return payload.byteLength + KEEPING_BYTES;
}

/** From where on a sender has its messages, and up to where they were acknowledged: what lies between was given up. */
export type SenderNumbers = { readonly first: number; readonly confirmed: number };

type Kept = { readonly frame: Uint8Array; readonly cost: number; readonly epoch: number };

/** The sending half of a lane: it numbers messages from 1, and keeps their frames until they are acknowledged. */
export class LaneSender {
  /** Nothing is sent until the peer has said where to go on. */
  isPaused = false;
  readonly #kept: Kept[] = [];
  #keptBytes = 0;
  /** How many of those kept have been sent since the last rewind, and their bytes. */
  #sentCount = 0;
  #sentBytes = 0;
  #first: number;
  #confirmed: number;
  /** Above all numbers that were ever sent, or given up. */
  #high: number;
  #creditBytes = WINDOW_BYTES;

  constructor({ first, confirmed }: SenderNumbers) {
    this.#first = first;
    this.#confirmed = confirmed;
    this.#high = first;
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

  /** Gives a message its number. The payload is copied. */
  add(message: Outgoing): void {
    const seq = this.#first + this.#kept.length;
    const frame = encodeChunk({ seq, stream: DIRECT_STREAM, isFinal: false, chunk: message.payload });
    this.#kept.push({ frame, cost: costOf(message), epoch: message.epoch });
    this.#keptBytes += costOf(message);
  }

  /** The next frame to send; undefined where there is none, or it has to wait. */
  take(): Uint8Array | undefined {
    const next = this.#kept[this.#sentCount];
    if (next === undefined || this.isPaused || this.#sentBytes >= this.#creditBytes) return;
    this.#sentCount += 1;
    this.#sentBytes += next.cost;
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
    for (const { cost } of arrived) bytes += cost;
    this.#first += arrived.length;
    this.#keptBytes -= bytes;
    this.#sentCount = Math.max(0, this.#sentCount - arrived.length);
    this.#sentBytes = Math.max(0, this.#sentBytes - bytes);
    this.#confirmed = Math.max(this.#confirmed, next);
    this.#creditBytes = Math.min(byteLimit, WINDOW_BYTES);
    return true;
  }

  /** Goes on from the first that is kept. */
  rewind(): void {
    this.#sentCount = 0;
    this.#sentBytes = 0;
  }

  /** Gives up all that is kept. @returns where a sender to the same peer has to begin: no number is given twice. */
  abandon(): SenderNumbers {
    return { first: this.#first + this.#kept.length, confirmed: this.#confirmed };
  }
}
