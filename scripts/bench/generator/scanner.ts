/** Who takes what a scanner finds. The bytes are good only until the call returns. */
export interface ScanHandler {
  /** A whole message. Of one that came in pieces only the first `keepBytes` bytes are there. */
  onMessage(bytes: Uint8Array, start: number, byteCount: number): void;
  /** Anything that is no message: a control frame, a line of a protocol. @param kind as the scanner's protocol numbers it. */
  onControl(kind: number, bytes: Uint8Array, start: number, byteCount: number): void;
}

/** Finds messages in a byte stream that comes in chunks of any size. */
export interface Scanner {
  push(chunk: Uint8Array, start: number, end: number): void;
}

/** What tunes a scanner. */
export type ScannerOptions = {
  /** How much of a message that comes in pieces is kept: a few bytes to count it, all of it to verify it. It may change. */
  readonly keepBytes: number;
};

/** What is kept at least: RFC 6455 section 5.5, no control frame has more. */
const LEAST_KEPT_BYTES = 125;

/** The beginning of a message that comes in pieces. */
export class SplitMessage {
  readonly #options: ScannerOptions;
  #kept: Buffer = Buffer.alloc(0);
  #byteCount = 0;
  #seenBytes = 0;
  /** How much of this message is kept. */
  #keptBytes = 0;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get kept(): Buffer {
    return this.#kept;
  }

  get isWhole(): boolean {
    return this.#seenBytes === this.#byteCount;
  }

  begin(byteCount: number): void {
    this.#byteCount = byteCount;
    this.#seenBytes = 0;
    this.#keptBytes = Math.min(byteCount, Math.max(this.#options.keepBytes, LEAST_KEPT_BYTES));
    if (this.#kept.length < this.#keptBytes) this.#kept = Buffer.alloc(this.#keptBytes);
  }

  /** Takes what belongs to the message. @returns where in the chunk it ends. */
  take(chunk: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#byteCount - this.#seenBytes, end - at);
    const room = this.#keptBytes - this.#seenBytes;
    if (room > 0) this.#kept.set(chunk.subarray(at, at + Math.min(count, room)), this.#seenBytes);
    this.#seenBytes += count;
    return at + count;
  }
}

/** Finds messages that are all of one size and have nothing between them: those of a pipe. */
export class FixedSizeScanner implements Scanner {
  readonly #handler: ScanHandler;
  readonly #messageBytes: number;
  readonly #split: SplitMessage;

  constructor(handler: ScanHandler, messageBytes: number, options: ScannerOptions) {
    this.#handler = handler;
    this.#messageBytes = messageBytes;
    this.#split = new SplitMessage(options);
    this.#split.begin(messageBytes);
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      at = this.#split.take(chunk, at, end);
      if (!this.#split.isWhole) return;
      this.#handler.onMessage(this.#split.kept, 0, this.#messageBytes);
      this.#split.begin(this.#messageBytes);
    }
  }
}
