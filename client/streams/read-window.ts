import type { Clock } from "../clock.ts";
import type { LaneReceiver } from "../delivery/lane-receiver.ts";

/** What each stream may always have unread, and what it may have on its way before its peer has said anything. */
export const MIN_WINDOW_BYTES: number = 64 * 1024;
/** With what it begins where the pool has as much, and to what it grows. */
const FIRST_WINDOW_BYTES = 1024 * 1024;
/** So much is on the way in one direction of one stream at most. */
export const MAX_WINDOW_BYTES: number = 16 * 1024 * 1024;

/** A window that would be read in fewer round trips than this is too small. */
const ROUND_TRIPS_PER_WINDOW = 4;

/** What all streams of a topic may have unread together, beyond the smallest window of each. */
export class WindowPool {
  readonly #windows = new Set<ReadWindow>();
  #freeBytes: number;

  constructor(bytes: number) {
    this.#freeBytes = bytes;
  }

  /** Takes up to so many bytes: what is free, or else what others have been given and do not use. @returns how many. */
  take(bytes: number, taker: ReadWindow): number {
    this.#windows.add(taker);
    for (const window of this.#windows) {
      if (this.#freeBytes >= bytes) break;
      if (window !== taker) this.#freeBytes += window.shrink();
    }
    const taken = Math.max(0, Math.min(bytes, this.#freeBytes));
    this.#freeBytes -= taken;
    return taken;
  }

  /** A stream has ended. */
  give(bytes: number, giver: ReadWindow): void {
    if (this.#windows.delete(giver)) this.#freeBytes += bytes;
  }
}

/**
 * How much a stream takes before its app reads: it grows while the app reads a window in less than four round trips, so that it
 * is never the window that the sender waits for.
 */
export class ReadWindow {
  readonly #clock: Clock;
  readonly #pool: WindowPool;
  readonly #receiver: LaneReceiver;
  #windowBytes = 0;
  #unreadBytes = 0;
  #roundTripMs = 0;
  #epochMs = 0;
  #epochBytes = 0;

  constructor(clock: Clock, pool: WindowPool, receiver: LaneReceiver) {
    this.#clock = clock;
    this.#pool = pool;
    this.#receiver = receiver;
  }

  /** The app has the stream: from now on bytes may come. */
  open(): void {
    this.#windowBytes = MIN_WINDOW_BYTES;
    this.#grow(FIRST_WINDOW_BYTES);
    this.#epochMs = this.#clock.monotonicMs();
  }

  /** From here to the peer and back it takes so long. */
  measured(roundTripMs: number): void {
    this.#roundTripMs = roundTripMs;
  }

  /** So much has come, and waits to be read. */
  hold(bytes: number): void {
    this.#unreadBytes += bytes;
    this.#receiver.hold(bytes);
  }

  /** So much was read. */
  read(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#receiver.read(bytes);
    this.#epochBytes += bytes;
    if (this.#epochBytes * 2 < this.#windowBytes) return;
    const nowMs = this.#clock.monotonicMs();
    const shareOfWindow = this.#epochBytes / this.#windowBytes;
    const isQuick = nowMs - this.#epochMs < shareOfWindow * ROUND_TRIPS_PER_WINDOW * this.#roundTripMs;
    if (isQuick) this.#grow(Math.min(MAX_WINDOW_BYTES, 2 * this.#windowBytes));
    this.#epochMs = nowMs;
    this.#epochBytes = 0;
  }

  /** Gives back half of what it does not use: the pool is empty. @returns how much. */
  shrink(): number {
    const keptBytes = Math.max(FIRST_WINDOW_BYTES, this.#unreadBytes, this.#windowBytes / 2);
    const givenBytes = Math.max(0, this.#windowBytes - keptBytes);
    if (givenBytes > 0) this.#set(keptBytes);
    return givenBytes;
  }

  /** The stream has ended, and everything of it was read. */
  close(): void {
    this.#pool.give(Math.max(0, this.#windowBytes - MIN_WINDOW_BYTES), this);
    this.#windowBytes = 0;
  }

  #grow(wantedBytes: number): void {
    this.#set(this.#windowBytes + this.#pool.take(wantedBytes - this.#windowBytes, this));
  }

  #set(windowBytes: number): void {
    this.#windowBytes = windowBytes;
    this.#receiver.setWindow(windowBytes);
  }
}
