import type { Clock, Timer } from "./clock.ts";
import type { TurnTime } from "./hub/ports.ts";

/** How often a relay that is left alone looks at the time. */
const HEARTBEAT_MS = 200;
/** Between two looks at the time there may be so much; what is beyond a heartbeat then, the relay stood still. */
const LATE_MS = 2 * HEARTBEAT_MS;

/**
 * The clock of everything that judges a client or is done per message: it looks at the time once per chunk that comes in
 * and once per timer, not once per message (80 ns). One for the relay, made by its composition root.
 *
 * As a `Clock` it stands still while the relay does (SIGSTOP, a machine that sleeps or is overloaded): what a client has
 * not done in that time it could not do, so time limits of clients are later by as much.
 */
export class TurnClock implements Clock, TurnTime {
  readonly #clock: Clock;
  #nowMs: number;
  #standstillMs = 0;
  #heartbeat: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#nowMs = clock.monotonicMs();
  }

  /** From now on it notices when the relay stands still. */
  start(): void {
    this.#nowMs = this.#clock.monotonicMs();
    this.#heartbeat = this.#clock.every(HEARTBEAT_MS, () => this.tick());
  }

  stop(): void {
    this.#heartbeat?.cancel();
    this.#heartbeat = undefined;
  }

  /** The machine's monotonic milliseconds as of the last look at the time, standstills and all. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** What `monotonicMs` was at the last look at the time: by this clients are judged. */
  get judgedMs(): number {
    return this.#nowMs - this.#standstillMs;
  }

  /** Looks at the time. @returns `nowMs`. */
  tick(): number {
    const nowMs = this.#clock.monotonicMs();
    const elapsedMs = nowMs - this.#nowMs;
    if (elapsedMs > LATE_MS && this.#heartbeat !== undefined) this.#standstillMs += elapsedMs - HEARTBEAT_MS;
    this.#nowMs = nowMs;
    return nowMs;
  }

  nextTurn(task: () => void): void {
    setImmediate(task);
  }

  epochMs(): number {
    return this.#clock.epochMs();
  }

  /** Without standstills. */
  monotonicMs(): number {
    this.tick();
    return this.judgedMs;
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#clock.every(intervalMs, () => {
      this.tick();
      task();
    });
  }

  after(delayMs: number, task: () => void): Timer {
    const dueAtMs = this.monotonicMs() + delayMs;
    let timer: Timer;
    const wait = (restMs: number): void => {
      timer = this.#clock.after(restMs, () => {
        const leftMs = dueAtMs - this.monotonicMs();
        // Timers may be early by less than a millisecond.
        if (leftMs >= 1) wait(leftMs);
        else task();
      });
    };
    wait(delayMs);
    return { cancel: () => timer.cancel() };
  }
}
