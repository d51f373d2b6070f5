import { type ScanHandler, type Scanner, type ScannerOptions, SplitMessage } from "./scanner.ts";

/** The longest header of a server's frame (RFC 6455 section 5.2): 2 bytes and 8 of length; no mask. */
const MAX_HEADER_BYTES = 10;

/** RFC 6455 section 5.2. */
export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** RFC 6455 section 5.5: no control frame has more. */
const MAX_CONTROL_BYTES = 125;

/** What a frame's header says. A message's first frame has its opcode, those that follow have `continuation`. */
type FrameHead = { readonly opcode: number; readonly isFinal: boolean; readonly payloadBytes: number };

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

  /** Begins the next. @returns what this one says. */
  finish(): FrameHead {
    this.#count = 0;
    return {
      opcode: opcodeOf(this.#bytes, 0),
      isFinal: isFinal(this.#bytes, 0),
      payloadBytes: payloadBytesOf(this.#bytes, 0),
    };
  }
}

/** A message that comes in several frames (RFC 6455 section 5.4): its beginning, and how much of it there was. */
class Fragments {
  readonly #options: ScannerOptions;
  #kept: Buffer = Buffer.alloc(0);
  #keptBytes = 0;
  #byteCount = 0;
  isBegun = false;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  add(bytes: Uint8Array, start: number, byteCount: number): void {
    this.isBegun = true;
    const count = Math.min(byteCount, Math.max(0, this.#options.keepBytes - this.#keptBytes));
    this.#makeRoom(this.#keptBytes + count);
    this.#kept.set(bytes.subarray(start, start + count), this.#keptBytes);
    this.#keptBytes += count;
    this.#byteCount += byteCount;
  }

  emitTo(handler: ScanHandler): void {
    const byteCount = this.#byteCount;
    this.#byteCount = 0;
    this.#keptBytes = 0;
    this.isBegun = false;
    handler.onMessage(this.#kept, 0, byteCount);
  }

  #makeRoom(byteCount: number): void {
    if (byteCount <= this.#kept.length) return;
    const larger = Buffer.alloc(Math.max(byteCount, Math.min(2 * this.#kept.length, this.#options.keepBytes)));
    larger.set(this.#kept);
    this.#kept = larger;
  }
}

/**
 * Finds the messages of a WebSocket server by the headers of its frames alone and never looks at a payload. Control frames,
 * which may come between those of one message, are control, with their opcode.
 */
export class FrameScanner implements Scanner {
  readonly #handler: ScanHandler;
  readonly #options: ScannerOptions;
  readonly #header = new SplitHeader();
  readonly #split: SplitMessage;
  /** Made when the first message comes in fragments: most contestants send none. */
  #fragments: Fragments | undefined;
  #splitHead: FrameHead = { opcode: 0, isFinal: true, payloadBytes: 0 };
  #isInPayload = false;

  constructor(handler: ScanHandler, options: ScannerOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#split = new SplitMessage(this.#options);
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = this.#isInPayload || this.#header.isBegun ? this.#pushSplit(chunk, start, end) : start;
    while (at < end) {
      if (end - at < MAX_HEADER_BYTES) {
        at = this.#pushSplit(chunk, at, end);
        continue;
      }
      const payloadAt = at + headerBytesOf(chunk, at);
      const payloadBytes = payloadBytesOf(chunk, at);
      const next = payloadAt + payloadBytes;
      if (next > end) {
        at = this.#pushSplit(chunk, at, end);
        continue;
      }
      this.#emit(opcodeOf(chunk, at), isFinal(chunk, at), chunk, payloadAt, payloadBytes);
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
      this.#splitHead = this.#header.finish();
      this.#split.begin(this.#splitHead.payloadBytes);
      this.#isInPayload = true;
    }
    at = this.#split.take(chunk, at, end);
    if (this.#split.isWhole) {
      this.#isInPayload = false;
      this.#emit(this.#splitHead.opcode, this.#splitHead.isFinal, this.#split.kept, 0, this.#split.byteCount);
    }
    return at;
  }

  #emit(opcode: number, isLast: boolean, bytes: Uint8Array, start: number, byteCount: number): void {
    if (opcode >= Opcode.close) {
      this.#handler.onControl(opcode, bytes, start, byteCount);
      return;
    }
    const isInside = this.#fragments?.isBegun === true;
    if (isInside !== (opcode === Opcode.continuation)) throw new Error(`a frame with opcode ${opcode} out of turn`);
    if (isLast && !isInside) {
      this.#handler.onMessage(bytes, start, byteCount);
      return;
    }
    this.#fragments ??= new Fragments(this.#options);
    this.#fragments.add(bytes, start, byteCount);
    if (isLast) this.#fragments.emitTo(this.#handler);
  }
}

/** Takes the frames off a stream that was cut into frames anyhow, and gives what was in them to another scanner. */
export class FrameUnwrapper implements Scanner {
  readonly #inner: Scanner;
  readonly #handler: ScanHandler;
  readonly #header = new SplitHeader();
  readonly #control: SplitMessage = new SplitMessage({ keepBytes: MAX_CONTROL_BYTES });
  #opcode = 0;
  #remainingBytes = 0;

  /** @param handler is told of control frames; of messages it is told by the inner scanner. */
  constructor(inner: Scanner, handler: ScanHandler) {
    this.#inner = inner;
    this.#handler = handler;
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#remainingBytes === 0) {
        if (this.#header.take(chunk[at] ?? 0)) this.#begin(this.#header.finish());
        at += 1;
        continue;
      }
      const count = Math.min(this.#remainingBytes, end - at);
      if (this.#opcode >= Opcode.close) this.#control.take(chunk, at, at + count);
      else this.#inner.push(chunk, at, at + count);
      this.#remainingBytes -= count;
      at += count;
      if (this.#remainingBytes === 0) this.#end();
    }
  }

  #begin({ opcode, payloadBytes }: FrameHead): void {
    this.#opcode = opcode;
    this.#remainingBytes = payloadBytes;
    if (opcode >= Opcode.close) this.#control.begin(payloadBytes);
    if (payloadBytes === 0) this.#end();
  }

  #end(): void {
    if (this.#opcode >= Opcode.close) {
      this.#handler.onControl(this.#opcode, this.#control.kept, 0, this.#control.byteCount);
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
  const opcode = first & 0x0f;
  // No extension is negotiated, and the other opcodes are reserved: anything else means that the frame boundary is lost.
  if ((first & 0x70) !== 0 || (opcode > Opcode.binary && opcode < Opcode.close) || opcode > Opcode.pong) {
    throw new Error(`frame begins with 0x${first.toString(16)}`);
  }
  if (opcode >= Opcode.close && !isFinal(bytes, at)) throw new Error("a control frame in fragments");
  return opcode;
}

function isFinal(bytes: Uint8Array, at: number): boolean {
  return ((bytes[at] ?? 0) & 0x80) !== 0;
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
