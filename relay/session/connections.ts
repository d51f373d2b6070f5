import { CloseCode } from "../../protocol/close-codes.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Session } from "../hub/ports.ts";
import type { WebSocketLink } from "../websocket/link.ts";

/** How often undecided connections are looked at: their time limit is exact to this. */
const UNDECIDED_CHECK_MS = 1000;
/** A destroyed socket reports its close in the next turns of the event loop. */
const TERMINATE_MS = 1000;

/** What tunes the care of connections. */
export type ConnectionsOptions = {
  readonly sweepIntervalMs: number;
  readonly joinTimeoutMs: number;
};

/**
 * All open WebSocket connections and how long they may live: one timer for all of them and none for each,
 * because ten thousand idle connections must cost nothing.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #options: ConnectionsOptions;
  readonly #sessions = new Map<WebSocketLink, Session>();
  /** Those that had not joined when last looked at, oldest first. */
  readonly #undecided = new Set<WebSocketLink>();
  #timers: readonly Timer[] = [];
  #sweptCount = 0;
  #onEmpty: (() => void) | undefined;

  constructor(clock: Clock, options: ConnectionsOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /** Connections ended by the sweep since the start, because nothing was heard of them. */
  get sweptCount(): number {
    return this.#sweptCount;
  }

  /** Those that have not joined yet. */
  get undecidedCount(): number {
    let count = 0;
    for (const link of this.#undecided) if (!this.#sessions.get(link)?.hasJoined) count += 1;
    return count;
  }

  /** What waits to be written to all of them: looked up one by one, so not for the hot path. */
  get bufferedBytes(): number {
    let byteCount = 0;
    for (const link of this.#sessions.keys()) byteCount += link.bufferedBytes;
    return byteCount;
  }

  start(): void {
    const { sweepIntervalMs, joinTimeoutMs } = this.#options;
    this.#timers = [
      this.#clock.every(sweepIntervalMs, () => this.#sweep()),
      this.#clock.every(Math.min(UNDECIDED_CHECK_MS, joinTimeoutMs), () => this.#closeUndecided()),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  add(link: WebSocketLink, session: Session): void {
    this.#sessions.set(link, session);
    this.#undecided.add(link);
  }

  /** Whether fewer than this have not joined. Looks only as far as it must: those who have joined meanwhile make room. */
  hasRoomForUndecided(maxCount: number): boolean {
    for (const link of this.#undecided) {
      if (this.#undecided.size < maxCount) return true;
      if (this.#sessions.get(link)?.hasJoined) this.#undecided.delete(link);
    }
    return this.#undecided.size < maxCount;
  }

  sessionOf(link: WebSocketLink): Session | undefined {
    return this.#sessions.get(link);
  }

  remove(link: WebSocketLink): void {
    this.#sessions.delete(link);
    this.#undecided.delete(link);
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }

  /**
   * Announces the restart to those who understand, closes all with 1012, each after what is queued for it, and
   * resolves when they are gone; those that are not in time are ended without more ado.
   */
  async drain(reconnectWithinMs: number, timeoutMs: number): Promise<void> {
    this.stop();
    for (const [link, session] of this.#sessions) {
      session.announceRestart(reconnectWithinMs);
      link.close(CloseCode.serviceRestart, "the relay restarts");
    }
    await this.#empty(timeoutMs);
    for (const link of this.#sessions.keys()) link.terminate();
    await this.#empty(TERMINATE_MS);
  }

  /** Resolves when no connection is left, or after this time. */
  #empty(timeoutMs: number): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Pings every connection, and ends those of which nothing was heard since the sweep before. */
  #sweep(): void {
    for (const link of this.#sessions.keys()) {
      if (link.wasHeard()) {
        link.ping();
      } else {
        this.#sweptCount += 1;
        link.terminate();
      }
    }
  }

  #closeUndecided(): void {
    const openedBeforeMs = this.#clock.monotonicMs() - this.#options.joinTimeoutMs;
    for (const link of this.#undecided) {
      if (!this.#sessions.get(link)?.hasJoined) {
        if (link.openedAtMs > openedBeforeMs) return;
        link.close(CloseCode.policyViolation, "no join in time");
        this.#sessions.get(link)?.end();
      }
      this.#undecided.delete(link);
    }
  }
}
