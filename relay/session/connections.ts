import type { Clock, Timer } from "../clock.ts";
import type { Connection, LivenessOptions } from "./connection.ts";
import { Departure } from "./departure.ts";

/** How often undecided connections are looked at: their time limit is exact to this. */
const UNDECIDED_CHECK_MS = 1000;
/** A destroyed socket reports its close in the next turns of the event loop. */
const TERMINATE_MS = 1000;

/** How often all are looked after, at most; less often than pings are due nobody has to be. */
const CARE_INTERVAL_MS = 5000;
const CARES_PER_PING = 5;

/** What tunes the care of connections. */
export type ConnectionsOptions = LivenessOptions & { readonly joinTimeoutMs: number };

/**
 * All open connections and how long they may live: one timer for all of them and none for each, because ten thousand
 * idle connections must cost nothing.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #options: ConnectionsOptions;
  readonly #all = new Set<Connection>();
  /** Those that had not joined when last looked at, oldest first. */
  readonly #undecided = new Set<Connection>();
  #timers: readonly Timer[] = [];
  #sweptCount = 0;
  #onEmpty: (() => void) | undefined;

  /** @param clock the relay's turn clock. */
  constructor(clock: Clock, options: ConnectionsOptions) {
    this.#clock = clock;
    // A ping that comes after the sweep would come too late.
    this.#options = { ...options, pingIntervalMs: Math.min(options.pingIntervalMs, options.sweepIntervalMs) };
  }

  get count(): number {
    return this.#all.size;
  }

  /** Connections ended by the sweep since the start, because nothing was heard of them. */
  get sweptCount(): number {
    return this.#sweptCount;
  }

  /** Those that have not joined yet. */
  get undecidedCount(): number {
    let count = 0;
    for (const connection of this.#undecided) if (!connection.hasJoined) count += 1;
    return count;
  }

  /** What waits to be written to all of them: looked up one by one, so not for the hot path. */
  get bufferedBytes(): number {
    let byteCount = 0;
    for (const { link } of this.#all) byteCount += link.bufferedBytes + link.inFlightBytes;
    return byteCount;
  }

  start(): void {
    const { pingIntervalMs, joinTimeoutMs } = this.#options;
    this.#timers = [
      this.#clock.every(Math.min(CARE_INTERVAL_MS, pingIntervalMs / CARES_PER_PING), () => this.#lookAfterAll()),
      this.#clock.every(Math.min(UNDECIDED_CHECK_MS, joinTimeoutMs), () => this.#closeUndecided()),
    ];
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  add(connection: Connection): void {
    this.#all.add(connection);
    this.#undecided.add(connection);
  }

  /** Whether fewer than this have not joined. Looks only as far as it must: those who have joined meanwhile make room. */
  hasRoomForUndecided(maxCount: number): boolean {
    for (const connection of this.#undecided) {
      if (this.#undecided.size < maxCount) return true;
      if (connection.hasJoined) this.#undecided.delete(connection);
    }
    return this.#undecided.size < maxCount;
  }

  remove(connection: Connection): void {
    this.#all.delete(connection);
    this.#undecided.delete(connection);
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /**
   * Announces the restart to those who understand, closes all as their dialect says, one after the other and each after
   * what is queued for it, and resolves when they are gone; those that are not in time are ended without more ado.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.stop();
    const departure = new Departure(this.#clock, [...this.#all], timeoutMs);
    await this.#empty(timeoutMs);
    departure.stop();
    for (const { link } of this.#all) link.terminate();
    await this.#empty(TERMINATE_MS);
  }

  /** Resolves when no connection is left, or after this time. */
  #empty(timeoutMs: number): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Pings every connection in time, and ends those of which nothing is heard. */
  #lookAfterAll(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const connection of this.#all) if (!connection.lookAfter(nowMs, this.#options)) this.#sweptCount += 1;
  }

  #closeUndecided(): void {
    const openedBeforeMs = this.#clock.monotonicMs() - this.#options.joinTimeoutMs;
    for (const connection of this.#undecided) {
      if (!connection.hasJoined) {
        if (connection.openedAtMs > openedBeforeMs) return;
        connection.endUndecided();
      }
      this.#undecided.delete(connection);
    }
  }
}
