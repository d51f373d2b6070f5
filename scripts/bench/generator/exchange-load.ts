import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workload.ts";
import type { Connection, Receiver } from "./connection.ts";
import type { Load } from "./load.ts";
import { openAll, receiverCount, type Subject } from "./members.ts";
import type { Member } from "./sessions/session.ts";
import { StalledTopics } from "./stalled-topics.ts";
import { Traffic } from "./traffic.ts";

/** Enough of a delivery to know what it is: the longest envelope before a payload, and the stamp. */
const HEAD_BYTES = 256;

/** Connections whose deliveries go to whichever traffic is on. */
export class ExchangeConnections implements Receiver {
  readonly #subject: Subject;
  #connections: readonly Connection[] = [];
  #stalled: StalledTopics | undefined;
  #traffic: Traffic | undefined;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** Connects the members of a workload, and first those who stall where it has such. */
  async open(workload: ExchangeWorkload): Promise<void> {
    if (workload.stalledReaders !== undefined) {
      this.#stalled = new StalledTopics(this.#subject);
      await this.#stalled.stall(workload.stalledReaders);
    }
    this.#connections = await openAll(this.#subject, workload, this, HEAD_BYTES);
  }

  /** @param workload differs from the one that they were opened for in its pace alone. */
  load(workload: ExchangeWorkload): Load {
    const receiversPerMessage = receiverCount(this.#subject, workload);
    const traffic = new Traffic(workload, { receiversPerMessage, messagesPerSender: Number.POSITIVE_INFINITY });
    return {
      open: async () => {
        this.#traffic = traffic;
        traffic.connect(this.#connections);
      },
      work: async (durationMs) => {
        const countBefore = traffic.deliveryCount;
        traffic.resume();
        await Promise.race([after(durationMs), traffic.failure]);
        traffic.pause();
        await traffic.drained();
        this.#stalled?.throwIfReleased();
        return traffic.deliveryCount - countBefore;
      },
      close: () => traffic.pause(),
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
    this.#stalled?.close();
  }

  onChunk(): void {
    this.#traffic?.onChunk();
  }

  onDelivery(member: Member, bytes: Uint8Array, payloadAt: number): void {
    this.#traffic?.onDelivery(member, bytes, payloadAt);
  }

  onFailure(error: Error): void {
    this.#traffic?.onFailure(error);
  }
}
