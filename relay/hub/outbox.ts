import type { Link, Origin } from "./ports.ts";

/** Why a frame was not queued. A closed set: each is a label of the counter of dropped frames. */
export const dropReasons = ["outbox-full", "closed", "sender-gone", "deadline"] as const;

/** The bounds of an outbox. */
export type OutboxOptions = {
  /** Above this the connection is congested: it is given no more messages of members until a quarter of this is left. */
  readonly outboxHighWaterBytes: number;
  /** A frame is taken while fewer bytes than this wait; so at most this plus one frame is held. */
  readonly maxOutboxBytes: number;
  /** "close": it is never without room, and its connection is ended for it. */
  readonly slowReaderPolicy: "pause" | "close";
};

/** The frames on their way to one connection, bounded in bytes. The bytes themselves wait in the link. */
export class Outbox {
  readonly #link: Link;
  readonly #maxOutboxBytes: number;
  readonly #highWaterBytes: number;
  readonly #mayRunOut: boolean;
  #hasRoom = true;
  #isClosed = false;
  #isEnough = false;
  #onRoom: (() => void) | undefined;

  constructor(link: Link, options: OutboxOptions) {
    this.#link = link;
    this.#maxOutboxBytes = options.maxOutboxBytes;
    this.#highWaterBytes = options.outboxHighWaterBytes;
    this.#mayRunOut = options.slowReaderPolicy === "pause";
  }

  /** Whether it takes no more frames: it was closed, or it was full once and so has lost one. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether it will get nothing more, closed or not: what is sent to it alone has no receiver. */
  get isEnough(): boolean {
    return this.#isClosed || this.#isEnough;
  }

  /** Whether messages of members may be offered: it is not congested. The relay's own answers may be offered all the same. */
  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  /** Whether less waits than the high-water mark: one that is congested may be given the next message that it is owed. */
  get isBelowHighWater(): boolean {
    return this.#link.bufferedBytes <= this.#highWaterBytes;
  }

  /**
   * Offers an encoded frame to this connection. Never waits and never throws.
   * "congested": queued, and the outbox is above its high-water mark; it has no room until `relieve`.
   * "outbox-full" is said once: a frame is lost, the outbox is closed, and the caller owes the connection its end.
   * @param frame the outbox keeps the reference, so do not write to it afterwards.
   * @param origin whose message it is; undefined: nobody's, it goes at once.
   */
  offer(frame: Uint8Array, origin?: Origin): "queued" | "congested" | "outbox-full" | "closed" {
    if (this.isEnough) return "closed";
    if (this.#link.bufferedBytes + this.#link.inFlightBytes >= this.#maxOutboxBytes) {
      this.#isClosed = true;
      return "outbox-full";
    }
    this.#link.send(frame, origin);
    if (this.#link.bufferedBytes <= this.#highWaterBytes) return "queued";
    if (this.#mayRunOut) this.#hasRoom = false;
    return "congested";
  }

  /** Calls back once, when it has room again; never from within this call, and not at all where it is closed before. */
  whenRoom(callback: () => void): void {
    this.#onRoom = callback;
  }

  /** It has room again: nobody waits for it any more. */
  relieve(): void {
    this.#hasRoom = true;
    const onRoom = this.#onRoom;
    this.#onRoom = undefined;
    onRoom?.();
  }

  /** The close frame is queued: no frame may follow it. Not closed: its connection is still heard. */
  enough(): void {
    this.#isEnough = true;
    this.relieve();
  }

  /** Takes no more frames. What is queued already still leaves. */
  close(): void {
    this.#isClosed = true;
    this.#onRoom = undefined;
  }
}
