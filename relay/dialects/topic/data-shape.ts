const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** What is remembered around a payload, at most: a topic of the greatest length, and the rest of a `data` message. */
const MAX_SHAPE_BYTES = 512;
const encoder = new TextEncoder();

/**
 * How a `data` message is written around its payload. A client writes one like the other: by the shape of the last, the
 * payload of the next is found without parsing it. Anything else takes the ordinary decoder, which finds the same payload.
 *
 * It may be so, because between its quotes a string of printable ASCII without quotes and backslashes stands for itself:
 * with another one in its place a JSON text is the same but for that one value.
 */
export class DataShape {
  /** Everything up to and with the quote that opens the payload. */
  readonly #start: Uint8Array;
  /** The quote that closes it, and everything behind it. */
  readonly #end: Uint8Array;

  private constructor(start: Uint8Array, end: Uint8Array) {
    this.#start = start;
    this.#end = end;
  }

  /** The shape of messages that begin so, and end behind their payload. @param start with the quote that opens the payload. */
  static behind(start: string): DataShape {
    return new DataShape(encoder.encode(start), encoder.encode('"}'));
  }

  /**
   * The shape of a message that the ordinary decoder has taken. Copies it.
   * @param payload the inside of the string that is its payload, a view of the message.
   * @returns undefined: there is too much around the payload to be remembered for a stranger.
   */
  static of(message: Uint8Array, payload: Uint8Array): DataShape | undefined {
    if (message.length - payload.length > MAX_SHAPE_BYTES) return undefined;
    const startBytes = payload.byteOffset - message.byteOffset;
    const endBytes = message.length - startBytes - payload.length;
    // Not subarray alone: it would hold the chunk that the message came in. Not slice: of a Buffer it is a view too.
    return new DataShape(
      new Uint8Array(message.subarray(0, startBytes)),
      new Uint8Array(message.subarray(message.length - endBytes)),
    );
  }

  /**
   * The payload of a message of this shape.
   * @param message printable ASCII.
   * @returns the inside of the string, a view, never empty; undefined where the shape is another.
   */
  payloadIn(message: Uint8Array): Uint8Array | undefined {
    const from = this.#start.length;
    const stop = message.length - this.#end.length;
    if (stop <= from || !hasAt(message, this.#end, stop) || !hasAt(message, this.#start, 0)) return undefined;
    if (message.indexOf(QUOTE, from) !== stop) return undefined;
    const backslash = message.indexOf(BACKSLASH, from);
    return backslash === -1 || backslash > stop ? message.subarray(from, stop) : undefined;
  }
}

function hasAt(bytes: Uint8Array, part: Uint8Array, start: number): boolean {
  for (let at = 0; at < part.length; at += 1) if (bytes[start + at] !== part[at]) return false;
  return true;
}
