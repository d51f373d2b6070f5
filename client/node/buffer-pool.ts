/** A buffer has room for the largest chunk of a stream, 68 KiB, with all that is around it. */
const BUFFER_BYTES = 70 * 1024;
/** What is smaller is made anew: it costs little, and there may be many of it. */
const MIN_BYTES = 16 * 1024;
/** So many are kept: as much as a socket lets wait, and a little. */
const MAX_FREE = 8;

/**
 * Memory for what is sealed and sent, used again when it was written: a new buffer for each chunk would be most of what the
 * garbage collector has to do. What nobody gives back is collected as usual.
 */
export class BufferPool {
  readonly #free: ArrayBuffer[] = [];
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** So many bytes, with anything in them. */
  take(byteCount: number): Buffer {
    if (byteCount < MIN_BYTES || byteCount > BUFFER_BYTES) return Buffer.allocUnsafe(byteCount);
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES).buffer;
    this.#lent.add(buffer);
    return Buffer.from(buffer, 0, byteCount);
  }

  /** Nobody uses these bytes any more. Nothing where they are not of this pool, or were given back before. */
  give({ buffer }: Uint8Array): void {
    if (!this.#lent.delete(buffer) || !(buffer instanceof ArrayBuffer)) return;
    if (this.#free.length < MAX_FREE) this.#free.push(buffer);
  }
}
