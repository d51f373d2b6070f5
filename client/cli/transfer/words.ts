/** What the two ends of a transfer say to each other beside the file: JSON behind its length in 4 bytes. */
const MAX_WORDS_BYTES = 16_384;
const LENGTH_BYTES = 4;

/** Reads a stream by exact numbers of bytes. */
export class ExactReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #kept: Uint8Array = new Uint8Array();

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }

  /** The next bytes, at least one and at most so many. @throws Error where the stream ends before */
  async some(maxBytes: number): Promise<Uint8Array> {
    while (this.#kept.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error("the other side has ended too early");
      this.#kept = value;
    }
    const taken = this.#kept.subarray(0, maxBytes);
    this.#kept = this.#kept.subarray(taken.length);
    return taken;
  }

  /** @throws Error where the stream ends before */
  async exactly(byteCount: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for (let left = byteCount; left > 0; ) {
      const piece = await this.some(left);
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** @throws Error where it is no object, or the stream ends before */
  async words(): Promise<Readonly<Record<string, unknown>>> {
    const length = (await this.exactly(LENGTH_BYTES)).readUInt32BE();
    if (length > MAX_WORDS_BYTES) throw new Error("the other side speaks something else");
    const words = parsed((await this.exactly(length)).toString());
    if (typeof words !== "object" || words === null) throw new Error("the other side speaks something else");
    return { ...words };
  }
}

/** @returns undefined: it is no JSON */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** JSON as `ExactReader.words` reads it. */
export function wordsOf(words: object): Uint8Array {
  const text = Buffer.from(JSON.stringify(words));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

/** A whole number of what somebody else has said. @throws Error where it is none from 0 on */
export function countIn(words: Readonly<Record<string, unknown>>, name: string): number {
  const value = words[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new Error("the other side speaks something else");
  }
  return value;
}
