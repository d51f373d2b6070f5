import type { Encoding, HubEvent, Payload } from "./ports.ts";

/** An event and its frames: written at most once per encoding, then the same bytes go to every member. */
export class EncodedEvent<P extends Payload> {
  readonly #event: HubEvent<P>;
  readonly #frames = new Map<Encoding<P>, Uint8Array>();
  /** The answer before this one: in a topic of one encoding, the only one. */
  #encoding: Encoding<P> | undefined;
  #frame: Uint8Array | undefined;

  constructor(event: HubEvent<P>) {
    this.#event = event;
  }

  /** The event's frame in this encoding. Shared: never write to it. */
  frameFor(encoding: Encoding<P>): Uint8Array {
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
