import { type ScanHandler, type Scanner, type ScannerOptions, SplitMessage } from "./scanner.ts";

const LINE_FEED = 10;
const SPACE = 32;
const ZERO = 48;
const NINE = 57;
/** `MSG `, as a big-endian number: what begins a delivery. */
const MSG = 0x4d534720;
const LINE_END_BYTES = 2;
/** INFO is some hundred bytes. */
const MAX_LINE_BYTES = 8192;

/** Finds deliveries (`MSG subject sid bytes`, then the payload) in a NATS stream; every other line is control. */
export class NatsScanner implements Scanner {
  readonly #handler: ScanHandler;
  readonly #split: SplitMessage;
  readonly #line = Buffer.alloc(MAX_LINE_BYTES);
  #lineBytes = 0;
  #state: "line" | "payload" | "payload end" = "line";
  #endBytes = 0;

  constructor(handler: ScanHandler, options: ScannerOptions) {
    this.#handler = handler;
    this.#split = new SplitMessage(options);
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#state === "line") at = this.#takeLine(chunk, at, end);
      else if (this.#state === "payload") at = this.#takePayload(chunk, at, end);
      else at = this.#takePayloadEnd(at, end);
    }
  }

  #takeLine(chunk: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const byte = chunk[at] ?? 0;
      this.#line[this.#lineBytes] = byte;
      this.#lineBytes += 1;
      at += 1;
      if (byte !== LINE_FEED) continue;
      this.#finishLine();
      break;
    }
    return at;
  }

  #finishLine(): void {
    const lineBytes = this.#lineBytes;
    this.#lineBytes = 0;
    if (lineBytes < 4 || this.#line.readUInt32BE(0) !== MSG) {
      this.#handler.onControl(0, this.#line, 0, lineBytes);
      return;
    }
    this.#split.begin(lastNumberOf(this.#line, lineBytes - LINE_END_BYTES));
    this.#state = "payload";
  }

  #takePayload(chunk: Uint8Array, start: number, end: number): number {
    const at = this.#split.take(chunk, start, end);
    if (this.#split.isWhole) {
      this.#handler.onMessage(this.#split.kept, 0, this.#split.byteCount);
      this.#endBytes = LINE_END_BYTES;
      this.#state = "payload end";
    }
    return at;
  }

  #takePayloadEnd(at: number, end: number): number {
    const count = Math.min(this.#endBytes, end - at);
    this.#endBytes -= count;
    if (this.#endBytes === 0) this.#state = "line";
    return at + count;
  }
}

function lastNumberOf(line: Buffer, end: number): number {
  let value = 0;
  let weight = 1;
  for (let at = end - 1; at >= 0 && line[at] !== SPACE; at -= 1) {
    const digit = line[at] ?? 0;
    if (digit < ZERO || digit > NINE) throw new Error(`not a NATS message: ${line.toString("latin1", 0, end)}`);
    value += (digit - ZERO) * weight;
    weight *= 10;
  }
  return value;
}
