import type { Receiver } from "./connection.ts";
import type { Member } from "./sessions/session.ts";

/** Takes deliveries that are none of this workload's business. */
export class Bystander implements Receiver {
  #failure: Error | undefined;

  onChunk(): void {
    // Time does not matter.
  }

  onDelivery(): void {
    // Nothing is sent, so nothing comes.
  }

  onFailure(error: Error): void {
    this.#failure ??= error;
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

/** A member of a topic in which nothing is sent. */
export function bystanderOf(index: number, topicIndex: number): Member {
  return {
    index,
    peerId: `p${String(index).padStart(5, "0")}`,
    topic: `t${String(topicIndex).padStart(4, "0")}`,
    isSender: true,
    isReceiver: true,
    pairSide: undefined,
  };
}
