import { type ScanHandler, type Scanner, type ScannerOptions, SplitMessage } from "./scanner.ts";

/** MQTT 5.0 section 2.1.2: the types of packets that matter here. */
export const PacketType = { connect: 1, connack: 2, publish: 3, subscribe: 8, suback: 9 } as const;

/** Finds packets in an MQTT stream: the body of a PUBLISH is a message, other packets are control, with their type. */
export class MqttScanner implements Scanner {
  readonly #handler: ScanHandler;
  readonly #split: SplitMessage;
  #state: "type" | "length" | "body" = "type";
  #type = 0;
  #length = 0;
  #lengthShift = 0;

  constructor(handler: ScanHandler, options: ScannerOptions) {
    this.#handler = handler;
    this.#split = new SplitMessage(options);
  }

  push(chunk: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#state === "body") {
        at = this.#split.take(chunk, at, end);
        if (this.#split.isWhole) this.#emit();
        continue;
      }
      const byte = chunk[at] ?? 0;
      at += 1;
      if (this.#state === "type") this.#beginPacket(byte);
      else this.#takeLength(byte);
    }
  }

  #beginPacket(byte: number): void {
    this.#type = byte >>> 4;
    this.#length = 0;
    this.#lengthShift = 0;
    this.#state = "length";
  }

  /** MQTT 5.0 section 1.5.5: seven bits at a time, low first. */
  #takeLength(byte: number): void {
    this.#length |= (byte & 0x7f) << this.#lengthShift;
    this.#lengthShift += 7;
    if (byte & 0x80) return;
    this.#split.begin(this.#length);
    this.#state = "body";
    if (this.#length === 0) this.#emit();
  }

  #emit(): void {
    this.#state = "type";
    if (this.#type === PacketType.publish) this.#handler.onMessage(this.#split.kept, 0, this.#split.byteCount);
    else this.#handler.onControl(this.#type, this.#split.kept, 0, this.#split.byteCount);
  }
}
