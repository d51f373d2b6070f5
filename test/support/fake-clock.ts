import type { Clock, Timer } from "../../relay/clock.ts";

type Due = { atMs: number; readonly everyMs: number | undefined; readonly task: () => void };

/** A time of whole seconds at which the certificates of today are good. */
const START_MS = Math.floor(Date.now() / 1000) * 1000;

/** A clock that stands still until it is told to go on. Passes the contract suite of clocks. */
export class FakeClock implements Clock {
  readonly #due = new Set<Due>();
  #nowMs = 0;
  #epochOffsetMs = 0;

  epochMs(): number {
    return START_MS + this.#epochOffsetMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  every(intervalMs: number, task: () => void): Timer {
    return this.#add({ atMs: this.#nowMs + intervalMs, everyMs: intervalMs, task });
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#add({ atMs: this.#nowMs + delayMs, everyMs: undefined, task });
  }

  /** Lets time pass, running what falls due, in order. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (let due = this.#nextUntil(untilMs); due !== undefined; due = this.#nextUntil(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      if (due.everyMs === undefined) this.#due.delete(due);
      else due.atMs += due.everyMs;
      due.task();
    }
    this.#nowMs = untilMs;
  }

  /** Time passes while nothing runs; what fell due meanwhile runs behind it, once. */
  sleep(durationMs: number): void {
    this.#nowMs += durationMs;
    this.advance(0);
  }

  /** Sets the calendar forward, as when a machine wakes up: no timer runs. */
  jumpEpoch(durationMs: number): void {
    this.#epochOffsetMs += durationMs;
  }

  #add(due: Due): Timer {
    this.#due.add(due);
    return { cancel: () => this.#due.delete(due) };
  }

  #nextUntil(untilMs: number): Due | undefined {
    let next: Due | undefined;
    for (const due of this.#due) if (due.atMs <= untilMs && (next === undefined || due.atMs < next.atMs)) next = due;
    return next;
  }
}
