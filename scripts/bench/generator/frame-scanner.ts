import { type ScanHandler, type Scanner, type ScannerOptions, SplitMessage } from "./scanner.ts";

/** The longest header of a server's frame (RFC 6455 section 5.2): 2 bytes and 8 of length; no mask. */
const MAX_HEADER_BYTES = 10;

/** RFC 6455 section 5.2. */
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The header of a frame that comes byte by byte. */
class SplitHeader {
  readonly #bytes = new Uint8Array(MAX_HEADER_BYTES);
  #count = 0;

  get isBegun(): boolean {
    return this.#count > 0;
  }

  /** Takes one byte. @returns whether the header is whole. */
  take(byte: number): boolean {
    this.#bytes[this.#count] = byte;
    this.#count += 1;
    return this.#count >= 2 && this.#count === headerBytesOf(this.#bytes, 0);
  }

  /** Begins the next. @returns opcode and payload length of this one. */
  finish(): { readonly opcode: number; readonly payloadBytes: number } {
    this.#count = 0;
    return { opcode: opcodeOf(this.#bytes, 0), payloadBytes: payloadBytesOf(this.#bytes, 0) };
  }
}

/**
 * Finds the frames of a WebSocket server by their headers alone and never looks at a payload: data frames are messages,
 * control frames are control, with their opcode.
 */
export class FrameScanner implements Scanner {
  readonly #handler: ScanHandler;
  readonly #header = new SplitHeader();
  readonly #split: SplitMessage;
  #splitOpcode = 0;
  #isInPayload = false;

  constructor(handler: ScanHandler, options: ScannerOptions) {
    this.#handler = handler;
    this.#split = new SplitMessage(options);
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = this.#isInPayload || this.#header.isBegun ? this.#pushSplit(chunk, start, end) : start;
    while (at < end) {
      if (end - at < MAX_HEADER_BYTES) {
        at = this.#pushSplit(chunk, at, end);
        continue;
      }
      const payloadAt = at + headerBytesOf(chunk, at);
      const next = payloadAt + payloadBytesOf(chunk, at);
      if (next > end) {
        at = this.#pushSplit(chunk, at, end);
        continue;
      }
      this.#emit(opcodeOf(chunk, at), chunk, payloadAt, next - payloadAt);
      at = next;
    }
  }

  /** Goes on with one frame that does not lie in one chunk. @returns where the chunk's next begins. */
  #pushSplit(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    while (!this.#isInPayload) {
      if (at === end) return end;
      const isWhole = this.#header.take(chunk[at] ?? 0);
      at += 1;
      if (!isWhole) continue;
      const { opcode, payloadBytes } = this.#header.finish();
      this.#splitOpcode = opcode;
      this.#split.begin(payloadBytes);
      this.#isInPayload = true;
    }
    at = this.#split.take(chunk, at, end);
    if (this.#split.isWhole) {
      this.#isInPayload = false;
      this.#emit(this.#splitOpcode, this.#split.kept, 0, this.#split.byteCount);
    }
    return at;
  }

  #emit(opcode: number, bytes: Uint8Array, start: number, byteCount: number): void {
    if (opcode <= Opcode.binary) this.#handler.onMessage(bytes, start, byteCount);
    else this.#handler.onControl(opcode, bytes, start, byteCount);
  }
}

/** Takes the frames off a stream that was cut into frames anyhow, and gives what was in them to another scanner. */
export class FrameUnwrapper implements Scanner {
  readonly #inner: Scanner;
  readonly #header = new SplitHeader();
  #remainingBytes = 0;

  constructor(inner: Scanner) {
    this.#inner = inner;
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#remainingBytes === 0) {
        if (this.#header.take(chunk[at] ?? 0)) this.#remainingBytes = this.#header.finish().payloadBytes;
        at += 1;
        continue;
      }
      const count = Math.min(this.#remainingBytes, end - at);
      this.#inner.push(chunk, at, at + count);
      this.#remainingBytes -= count;
      at += count;
    }
  }
}

/** A client's frame with its mask, and where in it the payload begins. */
export type MaskedFrame = { readonly bytes: Buffer; readonly payloadAt: number; readonly key: Uint8Array };

/** Makes a client's frame. @param key 4 bytes; the same one for all frames of a connection, so that they can be reused. */
export function maskedFrame(opcode: number, payload: Uint8Array, key: Uint8Array): MaskedFrame {
  const header = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  if (header.length === 2) header[1] = 0x80 | payload.length;
  if (header.length === 4) {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(payload.length, 2);
  }
  if (header.length === 10) {
    header[1] = 0x80 | 127;
    header.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  const masked = payload.map((byte, index) => byte ^ (key[index & 3] ?? 0));
  return { bytes: Buffer.concat([header, key, masked]), payloadAt: header.length + 4, key };
}

function opcodeOf(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  // No extension is negotiated and no contestant fragments: anything else means that the frame boundary is lost.
  if ((first & 0xf0) !== 0x80 || (first & 0x0f) === 0) throw new Error(`frame begins with 0x${first.toString(16)}`);
  return first & 0x0f;
}

function headerBytesOf(bytes: Uint8Array, at: number): number {
  const second = bytes[at + 1] ?? 0;
  if (second > 127) throw new Error("masked frame from a server");
  return second < 126 ? 2 : second === 126 ? 4 : 10;
}

function payloadBytesOf(bytes: Uint8Array, at: number): number {
  const second = bytes[at + 1] ?? 0;
  if (second < 126) return second;
  let payloadBytes = 0;
  const end = at + (second === 126 ? 4 : 10);
  for (let index = at + 2; index < end; index += 1) payloadBytes = payloadBytes * 256 + (bytes[index] ?? 0);
  return payloadBytes;
}
