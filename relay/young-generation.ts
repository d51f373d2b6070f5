import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import type { Clock, Timer } from "./clock.ts";

/** How often it is looked whether the relay is busy. */
const CHECK_MS = 1000;
/** How often while it grows: it doubles with a collection, and there may be hundreds in a second. */
const GROWING_CHECK_MS = 20;
/**
 * From so many messages of clients in a second on it is worth it. 20 peers that all talk as fast as they can send 30,000;
 * at 3,000 a larger one saved nothing, nor did it where one sends to 100 (bench W1, W2).
 */
const BUSY_MESSAGES_PER_SECOND = 5000;
/** Two halves of 8 MiB: with halves of 4 or of 16 a delivery was as cheap, as far as could be told. */
const BUSY_BYTES = 16_777_216;

/** What it uses. */
export type YoungGenerationParts = {
  readonly clock: Clock;
  /** What the relay has done since the start, in messages. */
  readonly workCount: () => number;
};

/**
 * Keeps V8's young generation from growing, until this relay is busy. At 1 MiB for each half idle connections take a quarter
 * less memory, for all that they leave behind while they come. But messages that wait to be written survive a collection of
 * so little, and are copied each time: with 20 peers that all talk, 64 messages under way each, a delivery cost a sixth more.
 *
 * What has grown stays until V8 collects everything while little happens; then it is small again (seen with Node 24).
 * For a process that is a relay and nothing else, and where `--max-semi-space-size` leaves it the room.
 */
export class YoungGeneration {
  readonly #parts: YoungGenerationParts;
  #timer: Timer | undefined;
  #workCount = 0;
  #lookedAtMs = 0;
  #isGrowing = false;

  constructor(parts: YoungGenerationParts) {
    this.#parts = parts;
  }

  /** Holds it at its present size, before any relay is there. */
  static hold(): void {
    setFlagsFromString("--semi-space-growth-factor=1");
  }

  start(): void {
    const { clock, workCount } = this.#parts;
    this.#workCount = workCount();
    this.#lookedAtMs = clock.monotonicMs();
    this.#wait(CHECK_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    YoungGeneration.hold();
  }

  #wait(delayMs: number): void {
    this.#timer = this.#parts.clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    const { clock, workCount } = this.#parts;
    const nowMs = clock.monotonicMs();
    const elapsedMs = nowMs - this.#lookedAtMs;
    // Timers may be early by less than a millisecond: elapsed time alone does not say which one this was.
    if (this.#isGrowing && elapsedMs < CHECK_MS) {
      this.#growOrHold();
      return;
    }
    const count = workCount();
    const perSecond = ((count - this.#workCount) * 1000) / elapsedMs;
    this.#workCount = count;
    this.#lookedAtMs = nowMs;
    if (perSecond >= BUSY_MESSAGES_PER_SECOND) this.#growOrHold();
    else this.#hold();
  }

  #growOrHold(): void {
    if (sizeBytes() >= BUSY_BYTES) {
      this.#hold();
      return;
    }
    this.#isGrowing = true;
    setFlagsFromString("--semi-space-growth-factor=2");
    this.#wait(GROWING_CHECK_MS);
  }

  #hold(): void {
    this.#isGrowing = false;
    YoungGeneration.hold();
    this.#wait(CHECK_MS);
  }
}

/** Both halves. */
function sizeBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? BUSY_BYTES;
}
