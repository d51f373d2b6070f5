import { FRAME_COST_BYTES, writeSeq } from "./frame.ts";

/** A numbered message that can be sent again. */
export type Kept = {
  readonly frame: Uint8Array;
  /** When it left; undefined: it has not. */
  sentAtMs: number | undefined;
  /** When it was last sent again to all. */
  repairedAtMs: number;
};

/** What a frame counts in a buffer. */
export function costOf(frame: Uint8Array): number {
  return frame.byteLength + FRAME_COST_BYTES;
}

/** The last messages of this sender, without a gap: the floor is the oldest, the head the newest. Its owner bounds it. */
export class ResendBuffer {
  readonly #kept = new Map<number, Kept>();
  #head = 0;
  #bytes = 0;

  get head(): number {
    return this.#head;
  }

  /** The number of the oldest; where there is none, that of the next one. */
  get floor(): number {
    return this.#head + 1 - this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Gives a message its number. */
  add(frame: Uint8Array): void {
    this.#head += 1;
    writeSeq(frame, this.#head);
    this.#kept.set(this.#head, { frame, sentAtMs: undefined, repairedAtMs: Number.NEGATIVE_INFINITY });
    this.#bytes += costOf(frame);
  }

  get(seq: number): Kept | undefined {
    return this.#kept.get(seq);
  }

  dropOldest(): void {
    const oldest = this.#kept.get(this.floor);
    if (oldest === undefined) return;
    this.#bytes -= costOf(oldest.frame);
    this.#kept.delete(this.floor);
  }
}
