import type { Encoding, HubEvent, Link, Payload } from "../../relay/hub/ports.ts";

/** A link that keeps what it is given. Where it is not reading, its buffer drains only when it is told to. */
export class RecordingLink implements Link {
  readonly frames: unknown[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  bufferedBytes = 0;
  drainedBytes = 0;
  isPaused = false;
  isHeld = false;
  /** How long it was told to wait, each time. */
  readonly waitsMs: number[] = [];
  #below: { readonly bytes: number; readonly callback: () => void } | undefined;
  readonly #isReading: boolean;

  constructor(options: { readonly isReading: boolean } = { isReading: true }) {
    this.#isReading = options.isReading;
  }

  send(frame: Uint8Array): void {
    this.frames.push(read(frame));
    if (!this.#isReading) this.bufferedBytes += frame.length;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  pauseFor(durationMs: number): void {
    this.waitsMs.push(durationMs);
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#below = { bytes, callback };
  }

  /** The reader takes so many bytes. */
  drain(bytes: number): void {
    this.bufferedBytes -= bytes;
    this.drainedBytes += bytes;
    if (this.#below === undefined || this.bufferedBytes > this.#below.bytes) return;
    const { callback } = this.#below;
    this.#below = undefined;
    callback();
  }

  close(code: number, reason: string): void {
    this.closed = { code, reason };
  }
}

/** The JSON in a frame; undefined for what is none. */
function read(frame: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(frame));
  } catch {
    return undefined;
  }
}

/** A payload that is text. */
export class TextPayload implements Payload {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get byteLength(): number {
    return this.text.length;
  }
}

/** An encoding that shows events as plain JSON, and counts how often it is asked. */
export class PlainEncoding implements Encoding<TextPayload> {
  readonly hasSignals: boolean;
  encodeCount = 0;

  constructor(options: { readonly hasSignals: boolean } = { hasSignals: true }) {
    this.hasSignals = options.hasSignals;
  }

  encode(event: HubEvent<TextPayload>): Uint8Array {
    this.encodeCount += 1;
    const { peerId, peerHandle, topicName } = "member" in event ? event.member : event.from;
    const rest = "member" in event ? {} : { to: event.to, payload: textOf(event.payload) };
    return new TextEncoder().encode(JSON.stringify({ type: event.type, peerId, peerHandle, topicName, ...rest }));
  }
}

function textOf(payload: TextPayload | string): string {
  return typeof payload === "string" ? payload : payload.text;
}
