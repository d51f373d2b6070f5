import type { Clock } from "../clock.ts";
import { Batch } from "./batch.ts";

/** What the flusher writes: a link with frames waiting. */
export interface Flushable {
  /** When it was last written; the flusher's own clock, in milliseconds. */
  lastFlushMs: number;
  flush(): void;
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

/**
 * Decides when links write. All that one turn of the event loop produces for a link leaves in one TLS write, because the
 * record and the system call are what a delivery costs. And while its senders send at a rate of their own (they are
 * patient: see SenderPace), a link is written at most once per interval; the first message after a pause goes at once.
 */
export class Flusher {
  /** Where every link's chain begins. */
  readonly root: Batch = Batch.empty();
  /** Whether the sender whose message is being handled is patient. */
  isPatient = false;
  readonly #clock: Clock;
  readonly #flushIntervalMs: number;
  readonly #pauseMs: number;
  #soon: Flushable[] = [];
  #later: Flushable[] = [];
  #isTimerSet = false;
  #nowMs = 0;
  readonly #flushSoon = () => this.#flush();
  readonly #flushLater = () => this.#flushDue();

  constructor(clock: Clock, { flushIntervalMs }: FlusherOptions) {
    this.#clock = clock;
    this.#flushIntervalMs = flushIntervalMs;
    this.#pauseMs = flushIntervalMs * PAUSE_RATIO;
  }

  /** The time as of the last `tick`: asking the system per delivery would cost more than the delivery's bookkeeping. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Looks at the clock. Called once per chunk that comes in. */
  tick(): void {
    this.#nowMs = this.#clock.monotonicMs();
  }

  /** Has the link written: at the end of this turn, or at the end of its interval. @returns whether it is the former. */
  schedule(link: Flushable): "soon" | "later" {
    if (this.isPatient && this.#nowMs - link.lastFlushMs < this.#pauseMs) {
      this.#later.push(link);
      if (!this.#isTimerSet) this.#setTimer();
      return "later";
    }
    this.scheduleSoon(link);
    return "soon";
  }

  scheduleSoon(link: Flushable): void {
    if (this.#soon.length === 0) setImmediate(this.#flushSoon);
    this.#soon.push(link);
  }

  #flush(): void {
    const links = this.#soon;
    this.#soon = [];
    this.tick();
    for (const link of links) link.flush();
    this.root.forgetNext();
  }

  #setTimer(): void {
    this.#isTimerSet = true;
    this.#clock.after(this.#flushIntervalMs, this.#flushLater);
  }

  #flushDue(): void {
    this.#isTimerSet = false;
    const links = this.#later;
    this.#later = [];
    this.tick();
    for (const link of links) link.flush();
    this.root.forgetNext();
  }
}
