import type { Ledger } from "./ledger.ts";

/**
 * How long members take after one disruption. It begins when the server is ready again, or the member's line is whole.
 * What was sent before the disruption of before it was over is not its business.
 */
export class Recovery {
  readonly #ledger: Ledger;
  readonly #readyAtMs: number;
  readonly #from: readonly number[];
  readonly #heads: readonly number[];
  readonly #back = new Set<number>();
  #missingCount = 0;
  #caughtUpMs: number | undefined;
  #backMs: number | undefined;

  /** @param from the heads when the disruption of before it was over. */
  constructor(ledger: Ledger, from: readonly number[], readyAtMs: number) {
    this.#ledger = ledger;
    this.#readyAtMs = readyAtMs;
    this.#from = from;
    this.#heads = ledger.heads;
    for (let receiver = 0; receiver < ledger.memberCount; receiver += 1)
      this.#missingCount += this.#missingOf(receiver);
    if (this.#missingCount === 0) this.#caughtUpMs = 0;
  }

  /** The heads when this one was over. */
  get heads(): readonly number[] {
    return this.#heads;
  }

  /** Until every member had everything that was sent before the ready moment; undefined: never. */
  get caughtUpMs(): number | undefined {
    return this.#caughtUpMs;
  }

  /** Until every member had something that was sent after the ready moment; undefined: never. */
  get backMs(): number | undefined {
    return this.#backMs;
  }

  /** Whether there is nothing more to measure. */
  get isOver(): boolean {
    return this.#caughtUpMs !== undefined && this.#backMs !== undefined;
  }

  /** A member has a message for the first time. */
  received(receiver: number, sender: number, seq: number, atMs: number): void {
    if (seq > (this.#heads[sender] ?? 0)) {
      this.#back.add(receiver);
      if (this.#back.size === this.#ledger.memberCount) this.#backMs ??= atMs - this.#readyAtMs;
    } else if (seq > (this.#from[sender] ?? 0)) {
      this.#missingCount -= 1;
      if (this.#missingCount === 0) this.#caughtUpMs ??= atMs - this.#readyAtMs;
    }
  }

  #missingOf(receiver: number): number {
    let count = 0;
    for (const [sender, head] of this.#heads.entries()) {
      for (let seq = (this.#from[sender] ?? 0) + 1; seq <= head; seq += 1) {
        if (!this.#ledger.isSettled(receiver, sender, seq)) count += 1;
      }
    }
    return count;
  }
}
