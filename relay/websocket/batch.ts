import { LARGE_FRAME_BYTES } from "../wire/frame-memory.ts";

/**
 * Frames in the order they were appended, as a chain. Links that were given the same frames hold the same chain, so the
 * bytes of a fan-out are joined once and not once per member: at 100 members that is 99 copies saved.
 */
export class Batch {
  readonly byteLength: number;
  readonly frameCount: number;
  /** Whether a frame in it has memory of its own: then it is not joined. */
  readonly hasLarge: boolean;
  readonly #previous: Batch | undefined;
  readonly #frame: Uint8Array | undefined;
  /** The chain with one more frame that was made last: the next link with this chain most likely appends the same. */
  #next: Batch | undefined;
  #joined: Uint8Array | undefined;

  private constructor(previous?: Batch, frame?: Uint8Array) {
    this.#previous = previous;
    this.#frame = frame;
    this.byteLength = (previous?.byteLength ?? 0) + (frame?.length ?? 0);
    this.frameCount = (previous?.frameCount ?? 0) + (frame === undefined ? 0 : 1);
    this.hasLarge = (previous?.hasLarge ?? false) || (frame?.length ?? 0) >= LARGE_FRAME_BYTES;
  }

  /** An empty chain, to start all chains that may be shared. */
  static empty(): Batch {
    return new Batch();
  }

  /** This chain with one more frame. */
  append(frame: Uint8Array): Batch {
    const known = this.#next;
    if (known !== undefined && known.#frame === frame) return known;
    const next = new Batch(this, frame);
    this.#next = next;
    return next;
  }

  /** Forgets the chain that continues this one, so that it can be collected. */
  forgetNext(): void {
    this.#next = undefined;
  }

  /** All bytes in one piece; joined at the first call, the same piece from then on. Never write to it. */
  bytes(): Uint8Array {
    if (this.#joined === undefined) {
      const frames = this.frames();
      const [first] = frames;
      this.#joined = frames.length === 1 && first !== undefined ? first : Buffer.concat(frames, this.byteLength);
    }
    return this.#joined;
  }

  /** The frames, oldest first. */
  frames(): Uint8Array[] {
    const frames: Uint8Array[] = [];
    Batch.#collect(this, frames);
    return frames.toReversed();
  }

  static #collect(last: Batch, into: Uint8Array[]): void {
    for (let batch: Batch | undefined = last; batch !== undefined; batch = batch.#previous) {
      if (batch.#frame !== undefined) into.push(batch.#frame);
    }
  }
}
