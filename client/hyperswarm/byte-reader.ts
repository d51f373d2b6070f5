/** Reads a stream of bytes by lengths, and then in the pieces that come. */
export class ByteReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  /** Exactly so many bytes. @throws Error where the stream ends before, and what it fails with */
  async take(byteCount: number): Promise<Uint8Array> {
    const taken = new Uint8Array(byteCount);
    let filled = 0;
    while (filled < byteCount) {
      const bytes = await this.next();
      if (bytes === undefined) throw new Error("the stream ended too soon");
      const part = bytes.subarray(0, byteCount - filled);
      taken.set(part, filled);
      filled += part.length;
      this.#rest = bytes.subarray(part.length);
    }
    return taken;
  }

  /** The next piece, which is the caller's own; undefined: there is none. */
  async next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = new Uint8Array();
    if (rest.length > 0) return rest;
    const { done, value } = await this.#reader.read();
    return done ? undefined : value;
  }
}
