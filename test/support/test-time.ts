import type { TurnTime } from "../../relay/hub/ports.ts";

/** Time and turns of a hub, as a test says. */
export class TestTime implements TurnTime {
  nowMs = 0;
  #tasks: (() => void)[] = [];

  /** Whether something waits for the next turn. */
  get isWaiting(): boolean {
    return this.#tasks.length > 0;
  }

  nextTurn(task: () => void): void {
    this.#tasks.push(task);
  }

  /** Runs what waits for the next turn. @returns whether there was anything. */
  turn(): boolean {
    const tasks = this.#tasks;
    this.#tasks = [];
    for (const task of tasks) task();
    return tasks.length > 0;
  }

  /** Runs turn after turn until nothing waits for the next. */
  settle(): void {
    while (this.turn());
  }
}
