import { isUtf8 } from "node:buffer";
import { frameMemory, LARGE_FRAME_BYTES } from "./frame-memory.ts";
import { unmask } from "./unmask.ts";

/** RFC 6455 section 5.2. */
const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame's header is at most this: 2 bytes, 8 of length, 4 of mask. */
const MAX_HEADER_BYTES = 14;
/** Memory given to a message on its header's word alone; beyond it, as much again as has really come. */
const TRUSTED_BYTES = 131_072;
/** Fragments of one message: a stream of empty ones must come to an end. */
const MAX_FRAGMENTS = 16_384;

/** Why a connection must be closed: an RFC 6455 section 7.4.1 code and a sentence for the peer. */
export type ProtocolFault = { readonly code: 1002 | 1007 | 1008 | 1009; readonly reason: string };

/** Who takes what the parser finds. The bytes belong to the parser and are gone after the call: copy what stays. */
export interface FrameHandler {
  /** One whole message; text is valid UTF-8. @param isPrintable every byte is printable ASCII. */
  onMessage(bytes: Buffer, isBinary: boolean, isPrintable: boolean): void;
  onPing(payload: Buffer): void;
  onPong(payload: Buffer): void;
  /** The peer's close frame; nothing follows. @param code undefined where it named none. */
  onClose(code: number | undefined): void;
}

/** What a client may send. @property mayBeFragmented whether messages may come in fragments; left out: they may. */
export type FrameParserOptions = { readonly maxMessageBytes: number; readonly mayBeFragmented?: boolean };

/**
 * Finds messages in a client's byte stream (RFC 6455 section 5). Each is unmasked in place and given out whole,
 * most of them without a copy: a view of the chunk they came in.
 */
export class FrameParser {
  readonly #handler: FrameHandler;
  readonly #maxMessageBytes: number;
  readonly #mayBeFragmented: boolean;
  /** The beginning of a frame whose end has not come; its first `#tailBytes` bytes are set. */
  #tail: Buffer | undefined;
  #tailBytes = 0;
  /** Fragments so far of an unfinished message. */
  #message: Buffer | undefined;
  #messageBytes = 0;
  #messageOpcode = 0;
  #isMessagePrintable = true;
  #fragmentCount = 0;
  /** What was not looked at when the parser was stopped. */
  #rest: Buffer | undefined;
  #isStopped = false;
  /** RFC 6455 section 5.5.1: nothing follows a close frame. */
  #isEnded = false;
  #fault: ProtocolFault | undefined;

  constructor(handler: FrameHandler, { maxMessageBytes, mayBeFragmented = true }: FrameParserOptions) {
    this.#handler = handler;
    this.#maxMessageBytes = maxMessageBytes;
    this.#mayBeFragmented = mayBeFragmented;
  }

  /** Whether some of what was pushed waits for `resume`. */
  get isBehind(): boolean {
    return this.#rest !== undefined;
  }

  /** Stops after the message at hand: what is left of the chunk waits for `resume`. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Goes on with what waited. @returns a fault in it. */
  resume(): ProtocolFault | undefined {
    this.#isStopped = false;
    const rest = this.#rest;
    this.#rest = undefined;
    return rest === undefined ? undefined : this.push(rest);
  }

  /** Takes the next bytes, which it may change. @returns why the connection must be closed; then nothing more is read. */
  push(chunk: Buffer): ProtocolFault | undefined {
    if (this.#isEnded) return undefined;
    if (this.#isStopped) {
      this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
      return undefined;
    }
    let at = this.#tail === undefined ? 0 : this.#completeTail(chunk);
    while (at < chunk.length && this.#fault === undefined && !this.#isEnded) {
      if (this.#isStopped) {
        this.#rest = chunk.subarray(at);
        return undefined;
      }
      const next = this.#frame(chunk, at, chunk.length);
      if (next === at) {
        this.#keepTail(chunk, at);
        break;
      }
      at = next;
    }
    return this.#fault;
  }

  /** Takes from the chunk what the frame at hand lacks. @returns where in the chunk the next frame begins. */
  #completeTail(chunk: Buffer): number {
    let at = 0;
    while (this.#tail !== undefined && at < chunk.length && this.#fault === undefined) {
      const wantedBytes = this.#wantedBytes(this.#tail, this.#tailBytes);
      const count = Math.min(wantedBytes - this.#tailBytes, chunk.length - at);
      const tail = grow(this.#tail, this.#tailBytes, this.#tailBytes + count, wantedBytes);
      chunk.copy(tail, this.#tailBytes, at, at + count);
      this.#tail = tail;
      this.#tailBytes += count;
      at += count;
      // Once the header is whole the frame is tried: to learn its length, to refuse it early, or to take it.
      if (this.#tailBytes >= wantedBytes && this.#frame(tail, 0, this.#tailBytes) > 0) {
        this.#tail = undefined;
        this.#tailBytes = 0;
        frameMemory.release(tail);
      }
    }
    return at;
  }

  #keepTail(chunk: Buffer, at: number): void {
    const count = chunk.length - at;
    const wantedBytes = this.#wantedBytes(chunk.subarray(at), count);
    this.#tail = grow(EMPTY, 0, count, wantedBytes);
    chunk.copy(this.#tail, 0, at);
    this.#tailBytes = count;
  }

  /** How many bytes the frame that starts this buffer has, as far as its header tells; at least what is needed to tell. */
  #wantedBytes(buffer: Buffer, byteCount: number): number {
    if (byteCount < 2) return 2;
    const headerBytes = headerBytesOf(buffer, 0);
    return byteCount < headerBytes ? headerBytes : headerBytes + payloadBytesOf(buffer, 0);
  }

  /** Takes one frame. @returns where the next begins, or `at` where this one is not whole yet. */
  #frame(buffer: Buffer, at: number, end: number): number {
    if (end - at < 2) return at;
    const first = buffer.readUInt8(at);
    const headerBytes = headerBytesOf(buffer, at);
    const headerFault = this.#headerFault(first, buffer.readUInt8(at + 1));
    if (headerFault !== undefined) return this.#fail(headerFault, end);
    if (end - at < headerBytes) return at;
    const payloadBytes = payloadBytesOf(buffer, at);
    if (payloadBytes > this.#maxMessageBytes - (first & 0x08 ? 0 : this.#messageBytes)) return this.#fail(TOO_BIG, end);
    const start = at + headerBytes;
    const stop = start + payloadBytes;
    if (stop > end) return at;
    const isPrintable = unmask(buffer, start, stop, start - 4);
    const payload = buffer.subarray(start, stop);
    if (first & 0x08) this.#control(first & 0x0f, payload);
    else this.#data(first, payload, isPrintable);
    return stop;
  }

  /** RFC 6455 section 5: what can be wrong with the first two bytes. */
  #headerFault(first: number, second: number): ProtocolFault | undefined {
    const opcode = first & 0x0f;
    if (first & 0x70) return fault("reserved bit set");
    if ((second & 0x80) === 0) return fault("frame not masked");
    if (opcode & 0x08) {
      if (opcode > Opcode.pong) return fault("unknown opcode");
      if ((first & 0x80) === 0) return fault("fragmented control frame");
      return (second & 0x7f) > 125 ? fault("control frame too long") : undefined;
    }
    if (opcode > Opcode.binary) return fault("unknown opcode");
    if (!this.#mayBeFragmented && (first & 0x80) === 0) return fault("fragmented message");
    const isInMessage = this.#fragmentCount > 0;
    if (isInMessage !== (opcode === Opcode.continuation)) return fault("fragments out of order");
    return undefined;
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.#handler.onPing(payload);
    else if (opcode === Opcode.pong) this.#handler.onPong(payload);
    else if (opcode === Opcode.close) this.#close(payload);
  }

  #close(payload: Buffer): void {
    const code = payload.length === 0 ? undefined : payload.length === 1 ? 0 : payload.readUInt16BE(0);
    if (code !== undefined && !isCloseCode(code)) this.#fault = fault("invalid close code");
    else if (payload.length > 2 && !isUtf8(payload.subarray(2))) this.#fault = NOT_UTF8;
    else {
      this.#isEnded = true;
      this.#handler.onClose(code);
    }
  }

  #data(first: number, payload: Buffer, isPrintable: boolean): void {
    const isLast = (first & 0x80) !== 0;
    if (isLast && this.#fragmentCount === 0) {
      this.#deliver(payload, first & 0x0f, isPrintable);
      return;
    }
    if (this.#fragmentCount === 0) this.#messageOpcode = first & 0x0f;
    this.#fragmentCount += 1;
    if (this.#fragmentCount > MAX_FRAGMENTS) {
      this.#fault = { code: 1008, reason: "too many fragments" };
      return;
    }
    const totalBytes = this.#messageBytes + payload.length;
    this.#message = grow(this.#message ?? EMPTY, this.#messageBytes, totalBytes, this.#maxMessageBytes);
    payload.copy(this.#message, this.#messageBytes);
    this.#messageBytes = totalBytes;
    this.#isMessagePrintable &&= isPrintable;
    if (isLast) this.#deliverFragments();
  }

  #deliverFragments(): void {
    const message = (this.#message ?? EMPTY).subarray(0, this.#messageBytes);
    const isPrintable = this.#isMessagePrintable;
    this.#message = undefined;
    this.#messageBytes = 0;
    this.#fragmentCount = 0;
    this.#isMessagePrintable = true;
    this.#deliver(message, this.#messageOpcode, isPrintable);
    frameMemory.release(message);
  }

  #deliver(message: Buffer, opcode: number, isPrintable: boolean): void {
    if (opcode === Opcode.text && !isPrintable && !isUtf8(message)) this.#fault = NOT_UTF8;
    else this.#handler.onMessage(message, opcode === Opcode.binary, isPrintable);
  }

  #fail(reason: ProtocolFault, end: number): number {
    this.#fault = reason;
    return end;
  }
}

const EMPTY = Buffer.alloc(0);
const TOO_BIG: ProtocolFault = { code: 1009, reason: "message too big" };
const NOT_UTF8: ProtocolFault = { code: 1007, reason: "text is not UTF-8" };

function fault(reason: string): ProtocolFault {
  return { code: 1002, reason };
}

/** From the second byte on: the length may take 2 or 8 bytes more, the mask takes 4. */
function headerBytesOf(buffer: Buffer, at: number): number {
  const length = buffer.readUInt8(at + 1) & 0x7f;
  return length < 126 ? 6 : length === 126 ? 8 : MAX_HEADER_BYTES;
}

/** The header must be whole. Lengths beyond 2^53 lose digits and are too big all the same. */
function payloadBytesOf(buffer: Buffer, at: number): number {
  const length = buffer.readUInt8(at + 1) & 0x7f;
  if (length < 126) return length;
  return length === 126
    ? buffer.readUInt16BE(at + 2)
    : buffer.readUInt32BE(at + 2) * 2 ** 32 + buffer.readUInt32BE(at + 6);
}

/**
 * Makes room for `neededBytes` of `wantedBytes`, keeping what is there. A stranger's header is believed up to
 * TRUSTED_BYTES; beyond that memory only doubles as bytes really come.
 */
function grow(buffer: Buffer, usedBytes: number, neededBytes: number, wantedBytes: number): Buffer {
  if (buffer.length >= neededBytes) return buffer;
  const byteCount = Math.max(neededBytes, Math.min(wantedBytes, Math.max(TRUSTED_BYTES, neededBytes * 2)));
  // A small one is not cut from Node's pool: a sender who stops in the middle of it would hold all of that.
  const grown = byteCount < LARGE_FRAME_BYTES ? Buffer.allocUnsafeSlow(byteCount) : frameMemory.take(byteCount);
  frameMemory.retain(grown);
  buffer.copy(grown, 0, 0, usedBytes);
  frameMemory.release(buffer);
  return grown;
}

/** RFC 6455 section 7.4: the codes that may be on the wire. */
function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
  );
}
