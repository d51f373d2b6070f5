import type { Lane } from "../delivery/lane.ts";
import { Pending } from "../delivery/pending.ts";
import { MIN_WINDOW_BYTES } from "./read-window.ts";

/**
 * What all streams of a topic keep together until it is acknowledged, beyond the smallest window of each: whatever the peers
 * offer to take.
 */
export class KeptBudget {
  readonly #maxBytes: number;
  readonly #kept = new Map<Lane, number>();
  readonly #waiting = new Set<Pending>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Resolves when this lane may keep more. @throws DeliveryError `aborted` */
  async room(lane: Lane, signal: AbortSignal): Promise<void> {
    this.update(lane);
    while (this.#bytes >= this.#maxBytes && lane.sender.keptBytes >= MIN_WINDOW_BYTES) {
      const pending = new Pending(signal, () => this.#waiting.delete(pending));
      this.#waiting.add(pending);
      await pending.promise;
    }
  }

  /** Something was acknowledged. */
  update(lane: Lane): void {
    this.#set(lane, lane.sender.keptBytes);
  }

  /** It keeps nothing any more. */
  forget(lane: Lane): void {
    this.#set(lane, 0);
    this.#kept.delete(lane);
  }

  #set(lane: Lane, bytes: number): void {
    const before = this.#kept.get(lane) ?? 0;
    this.#kept.set(lane, bytes);
    this.#bytes += bytes - before;
    // Each looks again: one of them may be below the smallest window now.
    if (bytes < before) for (const pending of this.#waiting) pending.resolve();
  }
}
