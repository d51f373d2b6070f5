import type { Link, Origin } from "./ports.ts";

/** Why a frame was not queued. A closed set: each is a label of the counter of dropped frames. */
export const dropReasons = ["outbox-full", "closed"] as const;

/** One of the reasons above. */
export type DropReason = (typeof dropReasons)[number];

/** The bounds of an outbox. */
export type OutboxOptions = {
  /** Above this a frame is still taken, and the caller is told that the connection is congested. */
  readonly outboxHighWaterBytes: number;
  /** A frame is taken while fewer bytes than this wait; so at most this plus one frame is held. */
  readonly maxOutboxBytes: number;
};

/** The frames on their way to one connection, bounded in bytes. The bytes themselves wait in the link. */
export class Outbox {
  readonly #link: Link;
  readonly #maxOutboxBytes: number;
  readonly #highWaterBytes: number;
  #isClosed = false;

  constructor(link: Link, options: OutboxOptions) {
    this.#link = link;
    this.#maxOutboxBytes = options.maxOutboxBytes;
    this.#highWaterBytes = options.outboxHighWaterBytes;
  }

  /** Whether it takes no more frames: it was closed, or it was full once and so has lost one. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Offers an encoded frame to this connection. Never waits and never throws.
   * "congested": queued, and the outbox is above its high-water mark.
   * "outbox-full" is said once: a frame is lost, the outbox is closed, and the caller owes the connection its end.
   * @param frame the outbox keeps the reference, so do not write to it afterwards.
   * @param origin whose message it is; undefined: nobody's, it goes at once.
   */
  offer(frame: Uint8Array, origin?: Origin): "queued" | "congested" | DropReason {
    if (this.#isClosed) return "closed";
    if (this.#link.bufferedBytes >= this.#maxOutboxBytes) {
      this.#isClosed = true;
      return "outbox-full";
    }
    this.#link.send(frame, origin);
    return this.#link.bufferedBytes > this.#highWaterBytes ? "congested" : "queued";
  }

  /** Takes no more frames. What is queued already still leaves. */
  close(): void {
    this.#isClosed = true;
  }
}
