import type { Clock, Timer } from "../clock.ts";
import type { RestartNotice } from "./ports.ts";

/** One connection after the other is closed, and may come back, so many milliseconds later. */
const MS_PER_CONNECTION = 5;
/** Ten thousand and more leave, and come back, within this time. */
const MAX_SPREAD_MS = 6000;
/** The end of the drain time is for those that have been closed last, to take what is queued for them. */
const LAST_CLOSE_MS = 2000;
/** So long before its close a connection is told that what it says is not taken: the answer arrives in time. */
const REFUSING_MS = 250;
/** When a connection is closed is exact to this. */
const STEP_MS = 10;

/** One connection that is to be closed. Implemented by relay/session/connection.ts. */
interface Leaving {
  announceRestart(notice: RestartNotice): void;
  refuseNew(): void;
  restart(): void;
}

/**
 * Over what time the closes of a planned stop are spread, and over what time the clients come back: both as long as their
 * number needs, so that neither this relay nor the next one has all of them at once.
 * @param drainTimeoutMs what there is in all; below two seconds there is no time to spread anything.
 */
export function restartTimes(
  connectionCount: number,
  drainTimeoutMs: number,
): { readonly spreadMs: number; readonly reconnectWithinMs: number } {
  const neededMs = Math.min(connectionCount * MS_PER_CONNECTION, MAX_SPREAD_MS);
  return { spreadMs: Math.max(0, Math.min(neededMs, drainTimeoutMs - LAST_CLOSE_MS)), reconnectWithinMs: neededMs };
}

/** Closes connections on a planned stop, evenly over the spread: each is told its time first, and served until then. */
export class Departure {
  readonly #clock: Clock;
  readonly #leaving: readonly Leaving[];
  readonly #spreadMs: number;
  readonly #startedAtMs: number;
  #refusedCount = 0;
  #closedCount = 0;
  #timer: Timer | undefined;

  /** Tells all of them, and closes the first. */
  constructor(clock: Clock, leaving: readonly Leaving[], drainTimeoutMs: number) {
    const { spreadMs, reconnectWithinMs } = restartTimes(leaving.length, drainTimeoutMs);
    this.#clock = clock;
    this.#leaving = leaving;
    this.#spreadMs = spreadMs;
    this.#startedAtMs = clock.monotonicMs();
    for (const [index, connection] of leaving.entries()) {
      connection.announceRestart({ reconnectWithinMs, closesInMs: this.#closesInMs(index) });
    }
    this.#step();
    if (this.#closedCount < leaving.length) this.#timer = clock.every(STEP_MS, () => this.#step());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #closesInMs(index: number): number {
    return Math.round((this.#spreadMs * (index + 1)) / this.#leaving.length);
  }

  #step(): void {
    const elapsedMs = this.#clock.monotonicMs() - this.#startedAtMs;
    this.#refusedCount = this.#advance(this.#refusedCount, elapsedMs + REFUSING_MS, (connection) =>
      connection.refuseNew(),
    );
    this.#closedCount = this.#advance(this.#closedCount, elapsedMs, (connection) => connection.restart());
    if (this.#closedCount === this.#leaving.length) this.stop();
  }

  /** @returns how many of them are due until then. */
  #advance(count: number, untilMs: number, take: (connection: Leaving) => void): number {
    let done = count;
    for (let next = this.#leaving[done]; next !== undefined; next = this.#leaving[done]) {
      if (this.#closesInMs(done) > untilMs) break;
      done += 1;
      take(next);
    }
    return done;
  }
}
