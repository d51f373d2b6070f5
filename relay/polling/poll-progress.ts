import type { SlowReason } from "../hub/ports.ts";

/** When a reader takes too little. */
export type PollReaderLimits = {
  /** It confirms nothing of what waits for this long. */
  readonly stalledReaderTimeoutMs: number;
  /** It confirms less than `slowReaderBytesPerSecond` for this long. */
  readonly slowReaderTimeoutMs: number;
  readonly slowReaderBytesPerSecond: number;
};

/** A reader that was not asked about for so long had nobody who waited for it. */
const NOT_JUDGED_MS = 1000;

/** Whether a client that polls takes too little: what it has, it says with each poll, so there is nothing to guess. */
export class PollProgress {
  readonly #limits: PollReaderLimits;
  /** Since when something waits and nothing of it was confirmed; undefined: nothing waits. */
  #waitsSinceMs: number | undefined;
  #confirmedBytes = 0;
  #sinceMs = 0;
  #sinceBytes = 0;
  #judgedAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: PollReaderLimits) {
    this.#limits = limits;
  }

  /** Something waits. */
  waits(nowMs: number): void {
    this.#waitsSinceMs ??= nowMs;
  }

  /** The client has said that it has so many bytes more. @param isAll nothing waits any more. */
  confirmed(byteCount: number, isAll: boolean, nowMs: number): void {
    this.#confirmedBytes += byteCount;
    if (isAll) this.#waitsSinceMs = undefined;
    else if (byteCount > 0) this.#waitsSinceMs = nowMs;
  }

  /** Somebody who was in the way is gone: the clocks begin anew. */
  freed(nowMs: number): void {
    if (this.#waitsSinceMs !== undefined) this.#waitsSinceMs = nowMs;
    this.#beginAnew(nowMs);
  }

  /** Asked again and again while others wait for this reader. */
  judge(nowMs: number): SlowReason | undefined {
    const { stalledReaderTimeoutMs, slowReaderTimeoutMs, slowReaderBytesPerSecond } = this.#limits;
    if (nowMs - this.#judgedAtMs > NOT_JUDGED_MS) this.#beginAnew(nowMs);
    this.#judgedAtMs = nowMs;
    if (this.#waitsSinceMs === undefined) return undefined;
    if (nowMs - this.#waitsSinceMs >= stalledReaderTimeoutMs) return "stalled";
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < slowReaderTimeoutMs) return undefined;
    const isSlow = this.#confirmedBytes - this.#sinceBytes < (slowReaderBytesPerSecond * elapsedMs) / 1000;
    this.#beginAnew(nowMs);
    return isSlow ? "slow" : undefined;
  }

  #beginAnew(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#sinceBytes = this.#confirmedBytes;
  }
}
