import { setTimeout as pause } from "node:timers/promises";
import { Connection, type Receiver } from "../bench/generator/connection.ts";
import { cpuSeconds } from "../bench/generator/process-usage.ts";
import { createSession, type SessionName } from "../bench/generator/sessions/create-session.ts";
import type { Member } from "../bench/generator/sessions/session.ts";
import { makePayload, wireBytesOf, writeSequence } from "../bench/generator/stamp.ts";
import type { CreatePoller, Poller } from "./poller.ts";
import type { Running } from "./servers.ts";

const PAYLOAD_BYTES = 256;
const KEEP_BYTES = 1_048_576;
const OPENED_AT_ONCE = 16;
const SETTLE_MS = 1000;
const DELIVERY_TIMEOUT_MS = 30_000;

/** How a topic's receivers are reached. */
export type CrowdOptions = {
  readonly topic: string;
  readonly sessionName: SessionName;
  readonly createPoller: CreatePoller;
  readonly pollerCount: number;
  readonly webSocketCount: number;
};

/** One topic with one sender, who has a WebSocket, and many receivers. */
export class Crowd implements Receiver {
  readonly #server: Running;
  readonly #options: CrowdOptions;
  readonly #sockets: Connection[] = [];
  readonly #pollers: Poller[] = [];
  #deliveryCount = 0;
  #sentCount = 0;
  #failure: Error | undefined;
  #onProgress: (() => void) | undefined;

  constructor(server: Running, options: CrowdOptions) {
    this.#server = server;
    this.#options = options;
  }

  get receiverCount(): number {
    return this.#options.pollerCount + this.#options.webSocketCount;
  }

  /** Resolves when all have joined, the sender as the last. */
  async open(): Promise<void> {
    const { pollerCount, webSocketCount, createPoller, topic, sessionName } = this.#options;
    const { target } = this.#server;
    const probe = createSession(sessionName, this.#member(0));
    const byteCount = probe.prefixBytes + wireBytesOf(PAYLOAD_BYTES, probe.form) + probe.suffixBytes;
    const deliveries = {
      byteCount,
      onDelivery: () => this.#delivered(),
      onFailure: (error: Error) => this.onFailure(error),
    };
    await openAll(pollerCount, (index) => {
      const poller = createPoller(target, topic, index, deliveries);
      this.#pollers.push(poller);
      return poller;
    });
    const payloadBytes = wireBytesOf(PAYLOAD_BYTES, probe.form);
    await openAll(webSocketCount + 1, (index) => {
      const member = this.#member(pollerCount + index);
      const session = createSession(sessionName, member);
      const socket = new Connection(target, member, session, this, { payloadBytes, keepBytes: KEEP_BYTES });
      this.#sockets.push(socket);
      return socket;
    });
    await pause(SETTLE_MS);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Sends so many messages, with at most so many under way, and waits until all have come.
   * @param everyMs at least so long between two messages; 0: as soon as one may be under way.
   * @returns the server's CPU for one delivery, in microseconds.
   */
  async send(messageCount: number, windowCount: number, everyMs: number): Promise<number> {
    const sender = this.#sockets.at(-1);
    if (sender === undefined) throw new Error("there is no sender");
    const { session } = sender;
    const { bytes, stampAt, stampMask } = session.publication(makePayload(PAYLOAD_BYTES, 0, session.form), 0);
    const [cpuBefore, goal] = [cpuSeconds(this.#server.pids), this.#sentCount + messageCount];
    while (this.#sentCount < goal) {
      await this.#until(() => this.#underWayCount < windowCount);
      const message = Buffer.from(bytes);
      writeSequence(message, stampAt, this.#sentCount, stampMask);
      this.#sentCount += 1;
      sender.socket.write(message);
      if (everyMs > 0) await pause(everyMs);
    }
    await this.#until(() => this.#underWayCount === 0);
    return ((cpuSeconds(this.#server.pids) - cpuBefore) * 1e6) / (messageCount * this.receiverCount);
  }

  close(): void {
    for (const poller of this.#pollers) poller.close();
    for (const socket of this.#sockets) socket.close();
  }

  onChunk(): void {
    // Time does not matter.
  }

  onDelivery(): void {
    this.#delivered();
  }

  onFailure(error: Error): void {
    this.#failure ??= error;
    this.#onProgress?.();
  }

  /** Messages that have not reached all. Each receiver gets them in order, so it is what the slowest has not got, at least. */
  get #underWayCount(): number {
    return this.#sentCount - Math.floor(this.#deliveryCount / this.receiverCount);
  }

  #delivered(): void {
    this.#deliveryCount += 1;
    if (this.#deliveryCount % this.receiverCount === 0) this.#onProgress?.();
  }

  async #until(isReached: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + DELIVERY_TIMEOUT_MS;
    while (!isReached()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (performance.now() > deadlineMs) throw new Error(`${this.#server.name}: messages have not come`);
      const progress = new Promise<void>((resolve) => (this.#onProgress = resolve));
      await Promise.race([progress, pause(100)]);
    }
  }

  #member(index: number): Member {
    const peerId = `p${String(index).padStart(5, "0")}`;
    return { index, peerId, topic: this.#options.topic, isReceiver: true, isSender: true, pairSide: undefined };
  }
}

/** Makes and opens so many members, a few at a time, in order: one that has a WebSocket dials as soon as it is made. */
export async function openAll(count: number, create: (index: number) => { open(): Promise<void> }): Promise<void> {
  for (let at = 0; at < count; at += OPENED_AT_ONCE) {
    const members = Array.from({ length: Math.min(OPENED_AT_ONCE, count - at) }, (_, place) => create(at + place));
    await Promise.all(members.map((member) => member.open()));
  }
}
