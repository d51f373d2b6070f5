import type { Encoding, HubEvent } from "./ports.ts";

/** An event and its frames: written at most once per encoding, then the same bytes go to every member. */
export class EncodedEvent {
  readonly #event: HubEvent;
  /** The frames of other encodings: most topics have one, and a map for each message costs as much as a delivery. */
  #others: Map<Encoding, Uint8Array> | undefined;
  /** The answer before this one: in a topic of one encoding, the only one. */
  #encoding: Encoding | undefined;
  #frame: Uint8Array | undefined;

  constructor(event: HubEvent) {
    this.#event = event;
  }

  /** The event's frame in this encoding. Shared: never write to it. */
  frameFor(encoding: Encoding): Uint8Array {
    if (this.#frame !== undefined && this.#encoding === encoding) return this.#frame;
    if (this.#frame !== undefined && this.#encoding !== undefined) {
      this.#others ??= new Map();
      this.#others.set(this.#encoding, this.#frame);
    }
    const frame = this.#others?.get(encoding) ?? encoding.encode(this.#event);
    this.#encoding = encoding;
    this.#frame = frame;
    return frame;
  }
}
