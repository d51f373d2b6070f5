import type { Encoding, HubEvent } from "./ports.ts";

/** An event and its frames: written at most once per encoding, then the same bytes go to every member. */
export class EncodedEvent {
  readonly #event: HubEvent;
  readonly #encodings: Encoding[] = [];
  readonly #frames: Uint8Array[] = [];

  constructor(event: HubEvent) {
    this.#event = event;
  }

  /** The event's frame in this encoding. Shared: never write to it. */
  frameFor(encoding: Encoding): Uint8Array {
    const known = this.#frames[this.#encodings.indexOf(encoding)];
    if (known !== undefined) return known;
    const frame = encoding.encode(this.#event);
    this.#encodings.push(encoding);
    this.#frames.push(frame);
    return frame;
  }
}
