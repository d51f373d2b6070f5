import type { Clock, Timer } from "../../client/clock.ts";

type Due = { readonly atMs: number; readonly order: number; task: (() => void) | undefined };

/** A client's clock that stands still until it is told to go on; quick with thousands of timers. Equal times run in call order. */
export class SimClock implements Clock {
  readonly #heap: Due[] = [];
  #nowMs: number;
  #order = 0;

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): Timer {
    const due: Due = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, task };
    this.#order += 1;
    this.#push(due);
    return {
      cancel: () => {
        due.task = undefined;
      },
    };
  }

  /** Runs what falls due until then; calls `afterEach` behind each task. */
  runUntil(untilMs: number, afterEach: () => void): void {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= untilMs; first = this.#heap[0]) {
      this.#pop();
      if (first.task === undefined) continue;
      this.#nowMs = first.atMs;
      first.task();
      afterEach();
    }
    this.#nowMs = untilMs;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(due, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const next = heap[child];
      if (next === undefined || !isBefore(next, last)) break;
      heap[index] = next;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
