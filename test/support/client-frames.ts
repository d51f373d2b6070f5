/** What a client does with the relay's frames. */
export type ClientFrameHandler = {
  readonly onPing: (number: number) => void;
  /** @param start the first bytes of a whole message, as text. */
  readonly onMessage: (start: string) => void;
};

const FIN = 0x80;
const CONTINUATION = 0x0;
const PING = 0x9;
/** So much of a message is kept. */
const START_BYTES = 64;

/**
 * Reads unmasked frames from pieces of any size, puts fragments together and keeps no more of a message than its
 * beginning. Throws where RFC 6455 section 5.4 is broken: another message between the fragments of one.
 */
export class ClientFrames {
  readonly #handler: ClientFrameHandler;
  #header: Buffer = Buffer.alloc(0);
  #restBytes = 0;
  #opcode = 0;
  #isFinal = false;
  #start: Buffer = Buffer.alloc(0);
  #control: Buffer = Buffer.alloc(0);
  #isInMessage = false;
  #isInFrame = false;

  constructor(handler: ClientFrameHandler) {
    this.#handler = handler;
  }

  push(piece: Uint8Array): void {
    let rest = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    while (rest.length > 0) rest = this.#isInFrame ? this.#body(rest) : this.#begin(rest);
  }

  #begin(rest: Buffer): Buffer {
    this.#header = Buffer.concat([this.#header, rest.subarray(0, 1)]);
    const [first = 0, second = 0] = this.#header;
    const headerBytes = second < 126 ? 2 : second === 126 ? 4 : 10;
    if (this.#header.length < 2 || this.#header.length < headerBytes) return rest.subarray(1);
    this.#restBytes = second;
    if (second === 126) this.#restBytes = this.#header.readUInt16BE(2);
    else if (second === 127) this.#restBytes = this.#header.readUInt32BE(6);
    this.#opcode = first & 0x0f;
    this.#isFinal = (first & FIN) !== 0;
    this.#header = Buffer.alloc(0);
    this.#isInFrame = true;
    if (this.#opcode < 8) this.#beginMessage();
    if (this.#restBytes === 0) this.#end();
    return rest.subarray(1);
  }

  #beginMessage(): void {
    if ((this.#opcode === CONTINUATION) !== this.#isInMessage) throw new Error("a message between fragments");
    if (!this.#isInMessage) this.#start = Buffer.alloc(0);
    this.#isInMessage = !this.#isFinal;
  }

  #body(rest: Buffer): Buffer {
    const piece = rest.subarray(0, this.#restBytes);
    this.#restBytes -= piece.length;
    if (this.#opcode >= 8) this.#control = Buffer.concat([this.#control, piece]);
    else if (this.#start.length < START_BYTES)
      this.#start = Buffer.concat([this.#start, piece.subarray(0, START_BYTES)]);
    if (this.#restBytes === 0) this.#end();
    return rest.subarray(piece.length);
  }

  #end(): void {
    this.#isInFrame = false;
    if (this.#opcode === PING && this.#control.length === 4) this.#handler.onPing(this.#control.readUInt32BE(0));
    if (this.#opcode >= 8) this.#control = Buffer.alloc(0);
    else if (this.#isFinal) this.#handler.onMessage(this.#start.toString("latin1"));
  }
}
