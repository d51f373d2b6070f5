import { monitorEventLoopDelay } from "node:perf_hooks";

/** How often the event loop is looked at: by libuv alone, no JavaScript runs for it. */
const RESOLUTION_MS = 20;
const NANOSECONDS_PER_SECOND = 1e9;

/** How late the event loop was in the interval before this one, in seconds. */
export type LagReading = { readonly p50: number; readonly p99: number; readonly max: number };

/** Measures how late timers fire: what a busy event loop adds to everything that waits for it. */
export class EventLoopLag {
  readonly #histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #reading: LagReading = { p50: 0, p99: 0, max: 0 };

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** Ends an interval: from now on `read` tells of it. Not done by the reader, so that several may read. */
  turn(): void {
    const { count } = this.#histogram;
    this.#reading =
      count === 0
        ? { p50: 0, p99: 0, max: 0 }
        : {
            p50: lateSeconds(this.#histogram.percentile(50)),
            p99: lateSeconds(this.#histogram.percentile(99)),
            max: lateSeconds(this.#histogram.max),
          };
    this.#histogram.reset();
  }

  read(): LagReading {
    return this.#reading;
  }
}

/** Node counts from one look to the next: what is above the distance that was asked for is the lag. */
function lateSeconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / NANOSECONDS_PER_SECOND - RESOLUTION_MS / 1000);
}
