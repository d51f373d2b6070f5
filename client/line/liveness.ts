import type { Clock, Timer } from "../clock.ts";

/** So long after the last sign of life a ping goes out while something is expected. */
const QUIET_MS = 5000;
/** And so long nothing may come behind a ping: with QUIET_MS, less than the 12 s in which a dead line is to be noticed. */
const ANSWER_MS = 6000;
/** On a line with a long round trip, three of them, and this at most. */
const MAX_ANSWER_MS = 20_000;
/** A sender that the relay does not read hears `congested` every 5 s, and no pong. */
const CONGESTED_MS = 11_000;
/** A timer that is so late has slept: what came meanwhile may not have been looked at. */
const LATE_MS = 3000;
/** What dies at a shorter silence than this is not kept alive. */
const MIN_INTERVAL_MS = 15_000;

/** What the watch needs of a connection. */
export interface Watched {
  /** Bytes that were sent and wait in this process. */
  readonly waitingBytes: number;
  /** Bytes that have left it. While some wait, more of them leave only as the other side takes what is on its way. */
  readonly leftBytes: number;
  /** How long the relay may have a reason to read nothing now: it checks a token, or asks the owner of a name. */
  readonly heldMs: number;
  ping(): void;
  /** Called once. */
  onDead(): void;
}

/** The shorter interval, after a line that was silent for the usual one has died. */
export function learnedInterval(intervalMs: number): number {
  return Math.max(MIN_INTERVAL_MS, intervalMs * 0.7);
}

/**
 * Finds a line that is dead, by pings of the application, as browsers show no others. Any sign of life counts: a sender that
 * the relay does not read gets no pong. It uses durations alone.
 */
export class Liveness {
  readonly #clock: Clock;
  readonly #line: Watched;
  #intervalMs: number;
  #heardMs: number;
  #pingedMs: number;
  #isAnswered = true;
  /** The first and the last that no pong stands behind yet. */
  #expectedMs: number | undefined;
  #lastExpectedMs = 0;
  #congestedMs = Number.NEGATIVE_INFINITY;
  #leftBytes = 0;
  #roundTripMs: number | undefined;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #wasLate = false;
  #isOver = false;

  constructor(clock: Clock, line: Watched, intervalMs: number) {
    this.#clock = clock;
    this.#line = line;
    this.#intervalMs = intervalMs;
    this.#heardMs = this.#pingedMs = clock.monotonicMs();
  }

  /** From the last ping to its pong. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** How long nothing has come. */
  get silentMs(): number {
    return this.#clock.monotonicMs() - this.#heardMs;
  }

  /** Sets how often the relay is asked while nothing is expected. */
  askEvery(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.#plan();
  }

  /** Bytes have come. */
  heard(): void {
    this.#heardMs = this.#clock.monotonicMs();
  }

  /** The answer to the last ping. */
  answered(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    this.#roundTripMs = this.#clock.monotonicMs() - this.#pingedMs;
    if (this.#expectedMs !== undefined) {
      this.#expectedMs = this.#lastExpectedMs > this.#pingedMs ? this.#pingedMs : undefined;
    }
    this.#plan();
  }

  /** Something was sent, or is awaited of others. */
  expect(): void {
    this.#lastExpectedMs = this.#clock.monotonicMs();
    if (this.#expectedMs !== undefined) return;
    this.#expectedMs = this.#lastExpectedMs;
    this.#plan();
  }

  /** The relay has said that it holds back what this connection sends. */
  congested(): void {
    this.#congestedMs = this.#clock.monotonicMs();
  }

  /** Asks at once, as after a sleep. */
  check(): void {
    if (this.#isOver) return;
    this.#pingedMs = this.#clock.monotonicMs();
    this.#isAnswered = false;
    this.#leftBytes = this.#line.leftBytes;
    this.#line.ping();
    this.#plan();
  }

  /** Nothing is called any more. */
  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  get #nextMs(): number {
    if (!this.#isAnswered) return Math.max(this.#verdictMs, this.#congestedMs + CONGESTED_MS);
    const idleMs = Math.min(this.#heardMs + this.#intervalMs, this.#pingedMs + 2 * this.#intervalMs);
    if (this.#expectedMs === undefined) return idleMs;
    return Math.min(idleMs, Math.max(this.#heardMs, this.#expectedMs) + QUIET_MS);
  }

  get #verdictMs(): number {
    const answerMs = Math.min(MAX_ANSWER_MS, Math.max(ANSWER_MS, 3 * (this.#roundTripMs ?? 0)));
    return Math.max(this.#heardMs, this.#pingedMs) + Math.max(answerMs, this.#line.heldMs);
  }

  #plan(): void {
    const dueMs = this.#nextMs;
    if (this.#isOver || (this.#timer !== undefined && this.#dueMs <= dueMs)) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonicMs()), () => this.#look());
  }

  /** What has come since it was planned has put it off. */
  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const isLate = nowMs - this.#dueMs > LATE_MS;
    this.#timer = undefined;
    if (nowMs < this.#nextMs) this.#plan();
    else if (this.#isAnswered || (isLate && !this.#wasLate) || this.#hasMoved()) {
      // Once: the timers of a hidden page are always late, and what came for it was looked at long before.
      this.#wasLate = isLate && !this.#isAnswered;
      this.check();
    } else {
      this.stop();
      this.#line.onDead();
    }
  }

  /** On a slow line the ping stands behind what the kernel cannot take yet: while that gets less, the other side reads. */
  #hasMoved(): boolean {
    return this.#line.waitingBytes > 0 && this.#line.leftBytes > this.#leftBytes;
  }
}
