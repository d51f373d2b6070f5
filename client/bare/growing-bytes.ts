const FIRST_BYTES = 4096;

/** Bytes that come in pieces, copied behind each other: it has room for at most twice of what has come. */
export class GrowingBytes {
  #room: Uint8Array = new Uint8Array();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The byte there; 0 behind the end. */
  at(index: number): number {
    return index < this.#length ? (this.#room[index] ?? 0) : 0;
  }

  /** What has come, to look at until the next call. */
  peek(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }

  /** @param total how many there will be, where that is known: no more room than that is made. */
  append(bytes: Uint8Array, total: number = Number.POSITIVE_INFINITY): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#room.length) {
      const room = new Uint8Array(Math.max(needed, Math.min(total, Math.max(FIRST_BYTES, 2 * needed))));
      room.set(this.peek());
      this.#room = room;
    }
    this.#room.set(bytes, this.#length);
    this.#length = needed;
  }

  /** What has come, which is the caller's own; it begins anew. */
  take(): Uint8Array {
    const taken = this.peek();
    this.#room = new Uint8Array();
    this.#length = 0;
    return taken;
  }
}
