import type { Origin } from "../hub/ports.ts";
import type { TurnClock } from "../turn-clock.ts";
import { Batch } from "./batch.ts";

/** What the flusher writes: a link with frames waiting. */
export interface Flushable {
  /** When it was last written, on the turn clock. */
  readonly lastFlushMs: number;
  flush(): void;
}

/** Takes how long deliveries took, in milliseconds. */
export interface LatencySink {
  record(latencyMs: number): void;
}

/** What tunes the flusher. */
export type FlusherOptions = {
  /** The least time between two writes to one link while its senders are patient. 0 never delays. */
  readonly flushIntervalMs: number;
};

/**
 * How long a link must have been silent, in intervals, for a message to go at once. Above 1, or messages that come just
 * one interval apart would find company only by luck: at 500 a second to 100 readers that cost a third more CPU.
 */
const PAUSE_RATIO = 1.5;

/** Stands for no time: a number, so that the fields stay numbers. */
const NO_TIME = -1;
const NOBODY: LatencySink = { record: () => undefined };

/**
 * Decides when links write. All that one turn of the event loop produces for a link leaves in one TLS write, because the
 * record and the system call are what a delivery costs. And while its senders send at a rate of their own (they are
 * patient: see SenderPace), a link is written at most once per interval; the first message after a pause goes at once.
 */
export class Flusher {
  /** Where every link's chain begins. */
  readonly root: Batch = Batch.empty();
  readonly #clock: TurnClock;
  readonly #latency: LatencySink;
  readonly #flushIntervalMs: number;
  readonly #pauseMs: number;
  #soon: Flushable[] = [];
  #later: Flushable[] = [];
  #isTimerSet = false;
  /** When the first message came of which something waits; none where it was no message that began it. */
  #soonSinceMs = NO_TIME;
  #laterSinceMs = NO_TIME;
  readonly #flushSoon = () => this.#flush();
  readonly #flushLater = () => this.#flushDue();

  /** @param latency is told once per flush how long its first chunk waited: docs/metrics.md#delivery-latency. */
  constructor(clock: TurnClock, { flushIntervalMs }: FlusherOptions, latency: LatencySink = NOBODY) {
    this.#clock = clock;
    this.#latency = latency;
    this.#flushIntervalMs = flushIntervalMs;
    this.#pauseMs = flushIntervalMs * PAUSE_RATIO;
  }

  /**
   * Has the link written: at the end of this turn, or at the end of its interval. @returns whether it is the former.
   * @param origin whose message it is; undefined: nobody's.
   */
  schedule(link: Flushable, origin: Origin | undefined): "soon" | "later" {
    if (origin?.mayWait === true && this.#clock.nowMs - link.lastFlushMs < this.#pauseMs) {
      this.#later.push(link);
      if (!this.#isTimerSet) this.#setTimer(origin);
      return "later";
    }
    this.scheduleSoon(link, origin);
    return "soon";
  }

  scheduleSoon(link: Flushable, origin: Origin | undefined): void {
    if (this.#soon.length === 0) {
      setImmediate(this.#flushSoon);
      this.#soonSinceMs = origin?.receivedAtMs ?? NO_TIME;
    }
    this.#soon.push(link);
  }

  /** A frame that had to wait for the write before it is written. @param sinceMs when its chunk came. */
  writtenLate(sinceMs: number): void {
    this.#latency.record(this.#clock.tick() - sinceMs);
  }

  #flush(): void {
    const links = this.#soon;
    this.#soon = [];
    this.#flushAll(links, this.#soonSinceMs);
  }

  /** The time after the last write, since the first chunk: what the slowest of these deliveries took, for one look at the clock. */
  #flushAll(links: readonly Flushable[], sinceMs: number): void {
    this.#clock.tick();
    for (const link of links) link.flush();
    this.root.forgetNext();
    if (sinceMs !== NO_TIME) this.#latency.record(this.#clock.tick() - sinceMs);
  }

  #setTimer({ receivedAtMs }: Origin): void {
    this.#isTimerSet = true;
    this.#laterSinceMs = receivedAtMs;
    this.#clock.after(this.#flushIntervalMs, this.#flushLater);
  }

  #flushDue(): void {
    this.#isTimerSet = false;
    const links = this.#later;
    this.#later = [];
    this.#flushAll(links, this.#laterSinceMs);
  }
}
