import { type ScanHandler, type Scanner, type ScannerOptions, SplitMessage } from "./scanner.ts";

/** The frames of DERP that matter here: one byte of type, four of length, big-endian, then the body. */
export const DerpFrame = {
  serverKey: 0x01,
  clientInfo: 0x02,
  serverInfo: 0x03,
  sendPacket: 0x04,
  receivePacket: 0x05,
  ping: 0x12,
  pong: 0x13,
} as const;

export const DERP_HEADER_BYTES = 5;

/** Finds frames in a DERP stream: the body of a packet is a message, other frames are control, with their type. */
export class DerpScanner implements Scanner {
  readonly #handler: ScanHandler;
  readonly #split: SplitMessage;
  readonly #header: Buffer = Buffer.alloc(DERP_HEADER_BYTES);
  #headerCount = 0;

  constructor(handler: ScanHandler, options: ScannerOptions) {
    this.#handler = handler;
    this.#split = new SplitMessage(options);
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#headerCount < DERP_HEADER_BYTES) {
        this.#header[this.#headerCount] = chunk[at] ?? 0;
        this.#headerCount += 1;
        at += 1;
        if (this.#headerCount < DERP_HEADER_BYTES) continue;
        this.#split.begin(this.#header.readUInt32BE(1));
      }
      at = this.#split.take(chunk, at, end);
      if (this.#split.isWhole) this.#emit();
    }
  }

  #emit(): void {
    this.#headerCount = 0;
    const type = this.#header[0] ?? 0;
    const { kept, byteCount } = this.#split;
    if (type === DerpFrame.receivePacket) this.#handler.onMessage(kept, 0, byteCount);
    else this.#handler.onControl(type, kept, 0, byteCount);
  }
}
