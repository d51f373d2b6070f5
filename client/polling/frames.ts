/** The frames in the bodies of a long poll (RFC 6455 section 5.2). */

const FIN = 0x80;
const MASK = 0x80;
const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** As large as a relay may ever be told to take and give, with the envelope of JSON. */
const MAX_MESSAGE_BYTES = 71_303_168;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A message as a client's frame: masked, as it has to be, by a mask of zeros, as there is no cache to deceive. */
export function clientFrame(message: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const isText = typeof message === "string";
  return frame(isText ? Opcode.text : Opcode.binary, isText ? encoder.encode(message) : message);
}

/** The client's close. @param reason ASCII, at most 123 characters. */
export function clientCloseFrame(code: number, reason: string): Uint8Array<ArrayBuffer> {
  return frame(Opcode.close, Uint8Array.of(code >> 8, code & 255, ...encoder.encode(reason)));
}

function frame(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const bytes = new Uint8Array(2 + lengthBytes + 4 + length);
  const view = new DataView(bytes.buffer);
  bytes[0] = FIN | opcode;
  bytes[1] = MASK | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, length);
  else if (lengthBytes === 8) view.setUint32(6, length);
  bytes.set(payload, 2 + lengthBytes + 4);
  return bytes;
}

/** What the frames of a relay say. */
export type FrameEvents = {
  readonly onText: (text: string) => void;
  /** The bytes are the callee's. */
  readonly onBytes: (bytes: Uint8Array) => void;
  /** @param code undefined: it names none. */
  readonly onClose: (code: number | undefined, reason: string) => void;
};

/** Finds the messages in a stream of a relay's frames, which its batches are pieces of. */
export class ServerFrames {
  readonly #events: FrameEvents;
  #pieces: Uint8Array[] = [];
  #byteCount = 0;
  /** What the frame at hand needs before it can be looked at again. */
  #neededBytes = 2;
  #isOver = false;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** Takes the next piece. @returns false: no relay says that. */
  push(piece: Uint8Array): boolean {
    this.#pieces.push(piece);
    this.#byteCount += piece.length;
    if (this.#byteCount < this.#neededBytes) return true;
    const bytes = this.#joined();
    let at = 0;
    while (!this.#isOver) {
      const taken = this.#take(bytes, at);
      if (taken === undefined) return false;
      if (taken === 0) break;
      at += taken;
    }
    const rest = bytes.subarray(at);
    this.#pieces = [rest];
    this.#byteCount = rest.length;
    this.#neededBytes -= at;
    return true;
  }

  #joined(): Uint8Array {
    const [first] = this.#pieces;
    if (this.#pieces.length === 1 && first !== undefined) return first;
    const bytes = new Uint8Array(this.#byteCount);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /** @returns how long the frame is; 0: it is not whole; undefined: it is none. */
  #take(bytes: Uint8Array, at: number): number | undefined {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const availableBytes = bytes.length - at;
    const short = availableBytes < 2 ? 0 : view.getUint8(1);
    const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
    this.#neededBytes = at + headerBytes;
    // No mask, no reserved bit, no fragment.
    if (availableBytes >= 2 && ((view.getUint8(0) & 0xf0) !== FIN || short > 127)) return undefined;
    if (availableBytes < headerBytes) return 0;
    const length =
      short < 126 ? short : short === 126 ? view.getUint16(2) : view.getUint32(2) * 2 ** 32 + view.getUint32(6);
    if (length > MAX_MESSAGE_BYTES) return undefined;
    this.#neededBytes += length;
    if (availableBytes < headerBytes + length) return 0;
    const payload = bytes.slice(at + headerBytes, at + headerBytes + length);
    return this.#tell(view.getUint8(0) & 0x0f, payload) ? headerBytes + length : undefined;
  }

  #tell(opcode: number, payload: Uint8Array): boolean {
    if (opcode === Opcode.text) this.#events.onText(decoder.decode(payload));
    else if (opcode === Opcode.binary) this.#events.onBytes(payload);
    else if (opcode === Opcode.close) {
      this.#isOver = true;
      const [high = 0, low = 0] = payload;
      this.#events.onClose(payload.length < 2 ? undefined : high * 256 + low, decoder.decode(payload.subarray(2)));
    } else return opcode === Opcode.ping || opcode === Opcode.pong;
    return true;
  }
}
