import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workload.ts";
import type { Connection, Receiver } from "./connection.ts";
import { DepositStream } from "./deposit-stream.ts";
import type { Load } from "./load.ts";
import { openAll, receiverCount, type Subject } from "./members.ts";
import { Registrar } from "./registrar.ts";
import type { Member } from "./sessions/session.ts";
import { StalledTopics } from "./stalled-topics.ts";
import { Traffic } from "./traffic.ts";

/** How much of a delivery is kept, in bytes: to know what it is, the longest envelope before a payload, and the stamp. */
const HEAD_BYTES = 256;

/** The members of a workload, connected; before them those who stall, and beside them who deposits or registers, where it has such. */
export class ExchangeConnections implements Receiver {
  list: readonly Connection[] = [];
  readonly #subject: Subject;
  readonly #keepBytes: number;
  #stalled: StalledTopics | undefined;
  #deposits: DepositStream | undefined;
  #registrar: Registrar | undefined;
  #receiver: Receiver | undefined;
  #failure: Error | undefined;

  /** @param options.keepBytes how much of a delivery its receiver gets to see. */
  constructor(subject: Subject, { keepBytes = HEAD_BYTES }: { readonly keepBytes?: number } = {}) {
    this.#subject = subject;
    this.#keepBytes = keepBytes;
  }

  async open(workload: ExchangeWorkload): Promise<void> {
    if (workload.stalledReaders !== undefined) {
      this.#stalled = new StalledTopics(this.#subject);
      await this.#stalled.stall(workload.stalledReaders);
    }
    this.list = await openAll(this.#subject, workload, this, this.#keepBytes);
    if (workload.besideDeposits !== undefined) {
      this.#deposits = new DepositStream(this.#subject.target, workload.besideDeposits);
      await this.#deposits.start();
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (workload.registrationsPerSecond !== undefined) {
      this.#registrar = new Registrar(this.#subject.target, workload.registrationsPerSecond);
      this.#registrar.start();
    }
  }

  /**
   * Makes the traffic of a workload over these connections, which get its deliveries from now on.
   * @param workload differs from the one that they were opened for in its pace alone.
   */
  carry(workload: ExchangeWorkload, messagesPerSender: number = Number.POSITIVE_INFINITY): Traffic {
    const receiversPerMessage = receiverCount(this.#subject, workload);
    const traffic = new Traffic(workload, { receiversPerMessage, messagesPerSender });
    traffic.connect(this.list);
    this.#receiver = traffic;
    return traffic;
  }

  /** Puts somebody in front of the traffic. */
  deliverTo(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  /** The traffic of a workload in slices. @param workload as for `carry`. */
  load(workload: ExchangeWorkload): Load {
    const traffic = this.carry(workload);
    return {
      open: async () => this.deliverTo(traffic),
      work: async (durationMs) => {
        const countBefore = traffic.deliveryCount;
        traffic.resume();
        await Promise.race([after(durationMs), traffic.failure]);
        traffic.pause();
        await traffic.drained();
        this.throwIfOthersFailed();
        return traffic.deliveryCount - countBefore;
      },
      close: () => traffic.pause(),
    };
  }

  /** @throws Error where one who was to stall has read, fewer deposits were stored than were to be, or registrations came to nothing. */
  throwIfOthersFailed(): void {
    this.#stalled?.throwIfReleased();
    this.#deposits?.throwIfBehind();
    this.#registrar?.throwIfFailed();
  }

  close(): void {
    for (const connection of this.list) connection.close();
    this.#stalled?.close();
    this.#deposits?.close();
    this.#registrar?.stop();
  }

  onChunk(): void {
    this.#receiver?.onChunk();
  }

  onDelivery(member: Member, bytes: Uint8Array, payloadAt: number): void {
    this.#receiver?.onDelivery(member, bytes, payloadAt);
  }

  onFailure(error: Error): void {
    this.#failure ??= error;
    this.#receiver?.onFailure(error);
  }
}
