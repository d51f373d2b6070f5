import type { Encoding, HubEvent, Link } from "../../relay/hub/ports.ts";

/** A link that keeps what it is given. Its buffer never drains by itself: a reader that does not read. */
export class RecordingLink implements Link {
  readonly frames: unknown[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  bufferedBytes = 0;
  readonly #isReading: boolean;

  constructor(options: { readonly isReading: boolean } = { isReading: true }) {
    this.#isReading = options.isReading;
  }

  send(frame: Uint8Array): void {
    this.frames.push(JSON.parse(new TextDecoder().decode(frame)));
    if (!this.#isReading) this.bufferedBytes += frame.length;
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }
}

/** An encoding that shows events as plain JSON, and counts how often it is asked. */
export class PlainEncoding implements Encoding {
  readonly hasSignals: boolean;
  encodeCount = 0;

  constructor(options: { readonly hasSignals: boolean } = { hasSignals: true }) {
    this.hasSignals = options.hasSignals;
  }

  encode(event: HubEvent): Uint8Array {
    this.encodeCount += 1;
    const { peerId, peerHandle, topicName } = "member" in event ? event.member : event.from;
    const rest = "member" in event ? {} : { to: event.to, payload: event.payload };
    return new TextEncoder().encode(JSON.stringify({ type: event.type, peerId, peerHandle, topicName, ...rest }));
  }
}
