import type { Encoding, HubEvent } from "./ports.ts";

/** An event and its frames: written at most once per encoding, then the same bytes go to every member. */
export class EncodedEvent {
  readonly #event: HubEvent;
  readonly #frames = new Map<Encoding, Uint8Array>();
  /** The answer before this one: in a topic of one encoding, the only one. */
  #encoding: Encoding | undefined;
  #frame: Uint8Array | undefined;

  constructor(event: HubEvent) {
    this.#event = event;
  }

  /** The event's frame in this encoding. Shared: never write to it. */
  frameFor(encoding: Encoding): Uint8Array {
    if (this.#frame !== undefined && this.#encoding === encoding) return this.#frame;
    let frame = this.#frames.get(encoding);
    if (frame === undefined) {
      frame = encoding.encode(this.#event);
      this.#frames.set(encoding, frame);
    }
    this.#encoding = encoding;
    this.#frame = frame;
    return frame;
  }
}
