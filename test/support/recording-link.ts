import type { Encoding, HubEvent, SlowReason } from "../../relay/hub/ports.ts";
import { BytesPayload } from "../../relay/session/payload.ts";
import type { ConnectionLink } from "../../relay/session/ports.ts";
import { DrainWatch } from "../../relay/websocket/drain-watch.ts";

/** A link that keeps what it is given. Where it is not reading, its buffer drains only when it is told to. */
export class RecordingLink implements ConnectionLink {
  readonly frames: unknown[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  bufferedBytes = 0;
  inFlightBytes = 0;
  readByPeerBytes = 0;
  readonly mayWait = false;
  readonly receivedAtMs = 0;
  readonly openedAtMs = 0;
  bytesIn = 0;
  isHeard = true;
  pingCount = 0;
  isTerminated = false;
  rateClass: string | undefined;
  isPaused = false;
  /** It was resumed because somebody in its way was ended. */
  isFreed = false;
  isHeld = false;
  /** How long it was told to wait, each time. */
  readonly waitsMs: number[] = [];
  /** What it was charged in all. */
  readonly charged = { messageCount: 0, byteCount: 0 };
  readonly #drain = new DrainWatch();
  readonly #isReading: boolean;

  constructor(options: { readonly isReading: boolean } = { isReading: true }) {
    this.#isReading = options.isReading;
  }

  get bytesOut(): number {
    return this.readByPeerBytes;
  }

  attach(): void {
    // Nothing comes by itself: a test gives messages to the session.
  }

  /** What a test has the hub find when it asks. */
  verdict: SlowReason | undefined;
  isPingWaiting = false;
  isRead = true;

  judge(): SlowReason | undefined {
    return this.verdict;
  }

  wasHeard(): boolean {
    return this.isHeard;
  }

  ping(): void {
    this.pingCount += 1;
  }

  limitTo(rateClass: string | undefined): void {
    this.rateClass = rateClass;
  }

  terminate(): void {
    this.isTerminated = true;
  }

  send(frame: Uint8Array): void {
    this.frames.push(read(frame));
    if (!this.#isReading) this.bufferedBytes += frame.length;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume({ isFreed }: { readonly isFreed: boolean }): void {
    this.isPaused = false;
    this.isFreed ||= isFreed;
  }

  pauseFor(durationMs: number): void {
    this.waitsMs.push(durationMs);
  }

  charge({ messageCount, byteCount }: { readonly messageCount: number; readonly byteCount: number }): void {
    this.charged.messageCount += messageCount;
    this.charged.byteCount += byteCount;
  }

  hold(): void {
    this.isHeld = true;
  }

  release(): void {
    this.isHeld = false;
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#drain.whenBelow(bytes, callback);
  }

  whenWritten(callback: () => void): void {
    // Who reads has taken it already.
    if (this.bufferedBytes === 0) callback();
    else this.#drain.whenWritten(this.bufferedBytes, callback);
  }

  /** The reader takes so many bytes. */
  drain(bytes: number): void {
    this.bufferedBytes -= bytes;
    this.readByPeerBytes += bytes;
    this.#drain.took(bytes);
    this.#drain.written(this.bufferedBytes);
  }

  leave(code: number, reason: string): void {
    this.close(code, reason);
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

/** A payload of this text. */
export function textPayload(text: string): BytesPayload {
  return BytesPayload.fromString(text);
}

/** An encoding that shows events as plain JSON, and counts how often it is asked. */
export class PlainEncoding implements Encoding {
  readonly #hasKinds: boolean;
  encodeCount = 0;

  constructor(options: { readonly hasKinds: boolean } = { hasKinds: true }) {
    this.#hasKinds = options.hasKinds;
  }

  isAlikeForAll(): boolean {
    return false;
  }

  takes(kind: string): boolean {
    return this.#hasKinds || kind === "peer-joined" || kind === "peer-left";
  }

  encode(event: HubEvent): Uint8Array {
    this.encodeCount += 1;
    const { peerId, peerHandle, topicName } = "member" in event ? event.member : event.from;
    const type = event.type === "addressed" ? event.kind : event.type;
    const count = event.type === "omitted" ? { count: event.count } : {};
    const rest = "payload" in event ? { to: event.to, payload: textOf(event.payload.jsonText()) } : count;
    const presence = event.type === "peer-joined" || event.type === "presence" ? event.member.presence : undefined;
    return new TextEncoder().encode(JSON.stringify({ type, peerId, peerHandle, topicName, ...rest, presence }));
  }
}

function textOf(jsonText: Uint8Array): string {
  return JSON.parse(`"${new TextDecoder().decode(jsonText)}"`) as string;
}
