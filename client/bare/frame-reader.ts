import { GrowingBytes } from "./growing-bytes.ts";

/** As large as a relay may ever be told to give, with the envelope of JSON. */
const MAX_MESSAGE_BYTES = 71_303_168;
/** RFC 6455 section 5.5. */
const MAX_CONTROL_BYTES = 125;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;
const FINAL = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;

/** RFC 6455 section 5.2. */
const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const OPCODES: ReadonlySet<number> = new Set(Object.values(OPCODE));

/** What frames bring. The bytes are the callee's. */
export type FrameEvents = {
  readonly onText: (text: string) => void;
  readonly onBytes: (bytes: Uint8Array) => void;
  readonly onPing: (bytes: Uint8Array) => void;
  /** Nothing is read behind it. */
  readonly onClose: (code: number | undefined, reason: string) => void;
};

/** The server does not speak as RFC 6455 has it. @property closeCode what to tell it (section 7.4.1) */
export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly closeCode: number;

  constructor(closeCode: number, sentence: string) {
    super(sentence);
    this.closeCode = closeCode;
  }
}

type Frame = { readonly opcode: number; readonly isFinal: boolean; readonly byteCount: number };

/**
 * Reads the frames that a server sends (RFC 6455 section 5), as their bytes come. It keeps what has come of one message, at most
 * 68 MiB, and never more than twice of what has come.
 */
export class FrameReader {
  readonly #events: FrameEvents;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** Of a header that has not come whole. */
  readonly #header = new GrowingBytes();
  readonly #control = new GrowingBytes();
  readonly #message = new GrowingBytes();
  /** Of the message that has begun; `continuation`: none has. */
  #opcode: number = OPCODE.continuation;
  /** Whose payload comes, and how much of it is missing. */
  #frame: Frame | undefined;
  #missing = 0;
  #isClosed = false;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** @throws FrameError; it is then to be used no more */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (!this.#isClosed && (at < bytes.length || (this.#frame !== undefined && this.#missing === 0))) {
      at += this.#frame === undefined ? this.#readHeader(bytes.subarray(at)) : this.#readPayload(bytes.subarray(at));
    }
  }

  /** @returns how many bytes it has taken */
  #readHeader(bytes: Uint8Array): number {
    const had = this.#header.length;
    const wanted = had < 2 ? 2 : headerBytes(this.#header.at(1));
    const taken = Math.min(bytes.length, wanted - had);
    this.#header.append(bytes.subarray(0, taken), wanted);
    if (this.#header.length < wanted || headerBytes(this.#header.at(1)) > wanted) return taken;
    const frame = frameOf(this.#header.take());
    this.#begin(frame);
    return taken;
  }

  #begin(frame: Frame): void {
    const { opcode, isFinal, byteCount } = frame;
    this.#frame = frame;
    this.#missing = byteCount;
    if (opcode >= OPCODE.close) {
      if (!isFinal || byteCount > MAX_CONTROL_BYTES)
        throw new FrameError(1002, "a control frame is cut up or too long");
      return;
    }
    if ((opcode === OPCODE.continuation) === (this.#opcode === OPCODE.continuation)) {
      throw new FrameError(1002, "a message begins within another, or goes on that has not begun");
    }
    if (opcode !== OPCODE.continuation) this.#opcode = opcode;
    if (this.#message.length + byteCount > MAX_MESSAGE_BYTES) throw new FrameError(1009, "a message is too long");
  }

  #readPayload(bytes: Uint8Array): number {
    const frame = this.#frame;
    if (frame === undefined) return 0;
    const isControl = frame.opcode >= OPCODE.close;
    const target = isControl ? this.#control : this.#message;
    const taken = Math.min(bytes.length, this.#missing);
    target.append(bytes.subarray(0, taken), frame.isFinal ? target.length + this.#missing : undefined);
    this.#missing -= taken;
    if (this.#missing > 0) return taken;
    this.#frame = undefined;
    if (isControl) this.#hearControl(frame.opcode, target.take());
    else if (frame.isFinal) this.#finish();
    return taken;
  }

  #finish(): void {
    const isText = this.#opcode === OPCODE.text;
    this.#opcode = OPCODE.continuation;
    const bytes = this.#message.take();
    if (isText) this.#events.onText(this.#decoded(bytes));
    else this.#events.onBytes(bytes);
  }

  #hearControl(opcode: number, bytes: Uint8Array): void {
    if (opcode === OPCODE.ping) this.#events.onPing(bytes);
    if (opcode !== OPCODE.close) return;
    if (bytes.length === 1) throw new FrameError(1002, "a close frame has half a code");
    this.#isClosed = true;
    const code = bytes.length === 0 ? undefined : (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
    this.#events.onClose(code, this.#decoded(bytes.subarray(2)));
  }

  #decoded(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes);
    } catch {
      throw new FrameError(1007, "a text is not UTF-8");
    }
  }
}

/** Of the header of a server's frame, by its second byte. */
function headerBytes(second: number): number {
  const length = second & ~MASKED;
  return length === LENGTH_IN_64_BITS ? 10 : length === LENGTH_IN_16_BITS ? 4 : 2;
}

/** @throws FrameError */
function frameOf(header: Uint8Array): Frame {
  const [first = 0, second = 0] = header;
  const opcode = first & 0x0f;
  if ((first & RESERVED) !== 0 || !OPCODES.has(opcode)) throw new FrameError(1002, "a frame of an unknown kind");
  if ((second & MASKED) !== 0) throw new FrameError(1002, "a server's frame is masked");
  // As a number: below 2^53, or far above of what is taken.
  const byteCount = header.length === 2 ? second : header.subarray(2).reduce((sum, byte) => sum * 256 + byte, 0);
  return { opcode, isFinal: (first & FINAL) !== 0, byteCount };
}
