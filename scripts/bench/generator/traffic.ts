import { performance } from "node:perf_hooks";
import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workload.ts";
import type { Connection, Receiver } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import { Sender } from "./sender.ts";
import type { Member } from "./sessions/session.ts";
import { readSender, readSequence } from "./stamp.ts";

/** How often a fixed rate is served. */
const PACE_INTERVAL_MS = 1;
/** What each sender at a fixed rate may make up for, at most, after it was held up. */
const MAX_CATCH_UP = 64;
const DRAIN_TIMEOUT_MS = 10_000;

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
  #all: readonly Sender[] = [];
  #ready: Sender[] = [];
  /** At a fixed rate: messages whose turn has come. */
  #pacedCount = 0;
  #nowMs = 0;
  #startMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #onFailure: (error: Error) => void = () => undefined;
  readonly #sendReady = () => this.#flush();
  #connections: readonly Connection[] = [];
  #heldTurns = 0;
  readonly #holdOn = () => {
    if (this.#heldTurns <= 1) {
      this.#releaseReads();
      return;
    }
    this.#heldTurns -= 1;
    setImmediate(this.#holdOn);
  };
  /** Rejects when a connection fails. */
  readonly failure: Promise<never>;

  constructor(workload: ExchangeWorkload, options: TrafficOptions) {
    this.#workload = workload;
    this.#options = options;
    this.failure = new Promise((_, reject) => (this.#onFailure = reject));
    this.failure.catch(() => undefined);
  }

  /** Makes senders of those of these connections that send; all have joined. */
  connect(connections: readonly Connection[]): void {
    this.#connections = connections;
    for (const connection of connections) {
      const { index, isSender, alsoIn = [] } = connection.member;
      if (!isSender) continue;
      for (let place = 0; place <= alsoIn.length; place += 1) {
        const senderIndex = index + place * connections.length;
        const identity = { senderIndex, topicPlace: place };
        this.#senders[senderIndex] = new Sender(connection, this.#workload, this.#options, identity);
      }
    }
    this.#all = this.#senders.filter((sender) => sender !== undefined);
  }

  /** Begins to send, at first or after a pause. */
  resume(): void {
    this.#isStopped = false;
    this.#ready = [];
    this.#pacedCount = 0;
    this.#nowMs = performance.now();
    this.#startMs = this.#nowMs;
    const { pace } = this.#workload;
    for (const sender of this.#all) sender.owed = 0;
    switch (pace.kind) {
      case "window":
        for (const sender of this.#all) this.#owe(sender, pace.messageCount);
        break;
      case "ping-pong":
        for (const sender of this.#all) if (sender.member.pairSide === "a") this.#owe(sender, 1);
        break;
      case "rate":
        this.#timer = setInterval(() => this.#servePace(pace.deliveriesPerSecond), PACE_INTERVAL_MS);
        break;
    }
  }

  /** Sends no more. What is under way still comes. */
  pause(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  /** Resolves when nothing is under way any more. @throws Error where that takes too long: then a message is lost. */
  async drained(): Promise<void> {
    const deadlineMs = performance.now() + DRAIN_TIMEOUT_MS;
    while (this.#all.some(({ underWayCount }) => underWayCount > 0)) {
      if (performance.now() > deadlineMs) throw new Error(`a message did not arrive in ${DRAIN_TIMEOUT_MS} ms`);
      await Promise.race([after(1), this.failure]);
    }
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
    this.pause();
    this.#onFailure(error);
  }

  /** Lets a sender send at the end of this turn. */
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
    let turns = 0;
    for (const sender of ready) turns = Math.max(turns, sender.sendOwed(nowMs));
    if (turns > 0) this.#holdReads(turns);
  }

  /**
   * Reads nothing for so many turns of the event loop: what a sender sends at one time is to go out without a pause, and not
   * with all that can be read between one message and the next. It ends whether or not all is written: who waits for
   * the other side to read has to read.
   */
  #holdReads(turns: number): void {
    if (this.#heldTurns === 0) {
      for (const { socket } of this.#connections) socket.pause();
      setImmediate(this.#holdOn);
    }
    this.#heldTurns = Math.max(this.#heldTurns, turns);
  }

  #releaseReads(): void {
    this.#heldTurns = 0;
    for (const { socket } of this.#connections) socket.resume();
  }

  /** Messages that are due go to the senders in turn, so that each sends at even intervals. */
  #servePace(deliveriesPerSecond: number): void {
    const nowMs = performance.now();
    const perMs = deliveriesPerSecond / this.#options.receiversPerMessage / 1000;
    const dueCount = Math.floor((nowMs - this.#startMs) * perMs);
    // After it was held up for long, what it cannot make up for is given up.
    this.#pacedCount = Math.max(this.#pacedCount, dueCount - MAX_CATCH_UP * this.#all.length);
    for (; this.#pacedCount < dueCount; this.#pacedCount += 1) {
      this.#owe(this.#all[this.#pacedCount % this.#all.length], 1);
    }
    this.#flush();
  }
}
