import type { Clock, Timer } from "../clock.ts";

/** How often the memory is looked at. */
const CHECK_MS = 1000;
/** New connections are taken again when the memory is down to this part of the limit. */
const RELIEF_RATIO = 0.9;

/** Whether the process has more memory than it should: then it takes no new connections until it has a tenth less. */
export class MemoryPressure {
  readonly #clock: Clock;
  readonly #rssBytes: () => number;
  readonly #maxRssBytes: number;
  #isHigh = false;
  #timer: Timer | undefined;

  /**
   * @param rssBytes the resident memory of the process, now.
   * @param options `maxRssBytes`: 0 is no limit.
   */
  constructor(clock: Clock, rssBytes: () => number, { maxRssBytes }: { readonly maxRssBytes: number }) {
    this.#clock = clock;
    this.#rssBytes = rssBytes;
    this.#maxRssBytes = maxRssBytes;
  }

  get isHigh(): boolean {
    return this.#isHigh;
  }

  start(): void {
    if (this.#maxRssBytes === 0) return;
    this.#check();
    this.#timer = this.#clock.every(CHECK_MS, () => this.#check());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #check(): void {
    const bytes = this.#rssBytes();
    this.#isHigh = bytes > (this.#isHigh ? this.#maxRssBytes * RELIEF_RATIO : this.#maxRssBytes);
  }
}
