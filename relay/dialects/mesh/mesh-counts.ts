import { Counter } from "../../counter.ts";
import { Traffic } from "../../hub/traffic.ts";

const rejections = ["bad-message", "not-permitted", "topic-full", "unauthorized", "refused"] as const;

/** Why a message, or a client, is not taken: the words that metrics have for the same elsewhere. */
export type MeshRejection = (typeof rejections)[number];

/** What nodes have sent, what was not taken of it, and what the original's pages count, since the start. */
export class MeshCounts {
  readonly received: Traffic = new Traffic();
  readonly #rejected = new Counter<MeshRejection>(rejections);
  #connectionCount = 0;
  #relayedCount = 0;
  #requestCount = 0;
  #refusedCount = 0;

  /** A connection was opened. */
  connected(): void {
    this.#connectionCount += 1;
  }

  /** A message goes to so many nodes. */
  relayed(count: number): void {
    this.#relayedCount += count;
  }

  /** A request was made. */
  requested(): void {
    this.#requestCount += 1;
  }

  reject(reason: MeshRejection): void {
    this.#rejected.add(reason);
  }

  /** A node was not let in. */
  refused(reason: MeshRejection): void {
    this.#refusedCount += 1;
    this.#rejected.add(reason);
  }

  rejected(): Readonly<Record<MeshRejection, number>> {
    return this.#rejected.read();
  }

  /** In the original's words. */
  read(): Readonly<Record<string, number>> {
    return {
      total_connections: this.#connectionCount,
      total_messages_relayed: this.#relayedCount,
      total_llm_requests: this.#requestCount,
      auth_failures: this.#refusedCount,
    };
  }
}
