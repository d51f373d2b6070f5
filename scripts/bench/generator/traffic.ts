import { performance } from "node:perf_hooks";
import type { ExchangeWorkload } from "../workloads.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import { Sender } from "./sender.ts";
import type { Member } from "./sessions/session.ts";
import { readSender, readSequence } from "./stamp.ts";

/** How often a fixed rate is served. */
const PACE_INTERVAL_MS = 1;

/** What tunes a run. */
export type TrafficOptions = {
  readonly receiversPerMessage: number;
  /** Messages of each sender; then it is silent. */
  readonly messagesPerSender: number;
};

/** Makes the senders send at the workload's pace, and counts what arrives. */
export class Traffic implements Receiver {
  deliveryCount = 0;
  readonly latency: Histogram = new Histogram();
  readonly #workload: ExchangeWorkload;
  readonly #options: TrafficOptions;
  readonly #senders: (Sender | undefined)[] = [];
  #ready: Sender[] = [];
  #nowMs = 0;
  #startMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #onFailure: (error: Error) => void = () => undefined;
  readonly #sendReady = () => this.#flush();
  /** Rejects when a connection fails. */
  readonly failure: Promise<never>;

  constructor(workload: ExchangeWorkload, options: TrafficOptions) {
    this.#workload = workload;
    this.#options = options;
    this.failure = new Promise((_, reject) => (this.#onFailure = reject));
    this.failure.catch(() => undefined);
  }

  /** Starts sending over these connections, all of which have joined. */
  start(connections: readonly Connection[]): void {
    for (const connection of connections) {
      if (connection.member.isSender) {
        this.#senders[connection.member.index] = new Sender(connection, this.#workload, this.#options);
      }
    }
    this.#nowMs = performance.now();
    this.#startMs = this.#nowMs;
    const { pace } = this.#workload;
    switch (pace.kind) {
      case "window":
        for (const sender of this.#all()) this.#owe(sender, pace.messageCount);
        break;
      case "ping-pong":
        for (const sender of this.#all()) if (sender.member.pairSide === "a") this.#owe(sender, 1);
        break;
      case "rate":
        this.#timer = setInterval(() => this.#servePace(pace.deliveriesPerSecond), PACE_INTERVAL_MS);
        break;
    }
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  onChunk(): void {
    this.#nowMs = performance.now();
  }

  onDelivery(receiver: Member, bytes: Uint8Array, payloadAt: number): void {
    const sender = this.#senders[readSender(bytes, payloadAt)];
    if (sender === undefined) throw new Error("a delivery from nobody");
    const sequence = readSequence(bytes, payloadAt);
    this.deliveryCount += 1;
    this.latency.add((this.#nowMs - sender.sentAtMs(sequence)) * 1000);
    const isDone = sender.delivered(sequence);
    switch (this.#workload.pace.kind) {
      case "window":
        if (isDone) this.#owe(sender, 1);
        break;
      case "ping-pong":
        this.#owe(this.#senders[receiver.index], 1);
        break;
      case "rate":
        break;
    }
  }

  onFailure(error: Error): void {
    this.stop();
    this.#onFailure(error);
  }

  #all(): readonly Sender[] {
    return this.#senders.filter((sender) => sender !== undefined);
  }

  /** Lets a sender send at the end of this turn, all of the turn in one write. */
  #owe(sender: Sender | undefined, messageCount: number): void {
    if (sender === undefined || this.#isStopped) return;
    if (sender.owed === 0) {
      if (this.#ready.length === 0) setImmediate(this.#sendReady);
      this.#ready.push(sender);
    }
    sender.owed += messageCount;
  }

  #flush(): void {
    const ready = this.#ready;
    this.#ready = [];
    if (this.#isStopped) return;
    const nowMs = performance.now();
    for (const sender of ready) sender.sendOwed(nowMs);
  }

  #servePace(deliveriesPerSecond: number): void {
    const nowMs = performance.now();
    const senders = this.#all();
    const perSenderPerMs = deliveriesPerSecond / this.#options.receiversPerMessage / senders.length / 1000;
    for (const [index, sender] of senders.entries()) {
      // Senders take turns within the time between two messages of one.
      const dueCount = Math.floor((nowMs - this.#startMs) * perSenderPerMs + index / senders.length);
      sender.sendDue(dueCount, nowMs);
    }
  }
}
