/** From this size on a frame has memory of its own, and goes alone: to join it with others would copy it. */
export const LARGE_FRAME_BYTES = 16_384;
/** Larger pieces are rare, and kept by nobody. */
const MAX_SPARE_BYTES = 1_048_576;
/** What is kept for the next frames, in all. */
const MAX_SPARES_BYTES = 8_388_608;
/** A piece may be longer than what is asked of it by an eighth: limits/memory-bound.ts counts on it. */
const MAX_WASTE_RATIO = 1.125;

/** A piece from its beginning, how many hold it, and whether a frame was written around what it holds now. */
type Piece = { readonly whole: Buffer; holderCount: number; isExtended: boolean };

/**
 * Memory of large frames, used again after the last link that was given one has written it. To allocate it anew cost a
 * third of the time of a stream of 64 KiB messages: in fresh pages, and in collecting them (bench W3).
 *
 * Whoever is to read a frame after the call that gave it `retain`s it, and `release`s it when it has. One who never
 * releases does no harm: the memory is collected like any other. One who releases and reads on reads others' bytes.
 */
class FrameMemory {
  readonly #spares: Buffer[] = [];
  #sparesBytes = 0;
  readonly #pieces = new WeakMap<ArrayBufferLike, Piece>();

  /** A piece of at least this size, which is that of a large frame; nobody holds it yet. Its bytes are whatever they were. */
  take(byteCount: number): Buffer {
    const index = this.#spares.findIndex(({ length }) => length >= byteCount && length <= byteCount * MAX_WASTE_RATIO);
    const [spare] = index === -1 ? [] : this.#spares.splice(index, 1);
    if (spare !== undefined) {
      this.#sparesBytes -= spare.length;
      const piece = this.#pieces.get(spare.buffer);
      if (piece !== undefined) piece.isExtended = false;
      return spare;
    }
    const whole = Buffer.allocUnsafeSlow(byteCount);
    this.#pieces.set(whole.buffer, { whole, holderCount: 0, isExtended: false });
    return whole;
  }

  /**
   * The same bytes and `byteCount` before them, where they lie in a piece of this memory and make a large frame: a small
   * one nobody would retain. What was before them is the caller's to overwrite. A piece is extended once for what it
   * holds: whoever asks next, for another encoding of the same payload, must copy, or its header would become the
   * first one's.
   */
  extendBack(bytes: Uint8Array, byteCount: number): Buffer | undefined {
    const piece = this.#pieces.get(bytes.buffer);
    if (piece === undefined || piece.isExtended || bytes.byteOffset < byteCount) return undefined;
    if (byteCount + bytes.length < LARGE_FRAME_BYTES) return undefined;
    piece.isExtended = true;
    const end = bytes.byteOffset + bytes.length;
    return piece.whole.subarray(bytes.byteOffset - byteCount, end);
  }

  /** Bytes that are in no piece are left alone, here and in `release`. */
  retain(bytes: Uint8Array): void {
    const piece = this.#pieces.get(bytes.buffer);
    if (piece !== undefined) piece.holderCount += 1;
  }

  release(bytes: Uint8Array): void {
    const piece = this.#pieces.get(bytes.buffer);
    if (piece === undefined) return;
    piece.holderCount -= 1;
    const { whole, holderCount } = piece;
    if (holderCount > 0 || whole.length > MAX_SPARE_BYTES) return;
    if (this.#sparesBytes + whole.length > MAX_SPARES_BYTES) return;
    this.#spares.push(whole);
    this.#sparesBytes += whole.length;
  }
}

/** The memory of this process. */
export const frameMemory: FrameMemory = new FrameMemory();
