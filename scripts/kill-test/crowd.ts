import { setTimeout as pause } from "node:timers/promises";
import type { KillTestContestant, KillTestMember, MemberHooks } from "./contestant.ts";
import type { CutProxy } from "./cut-proxy.ts";
import { HeldMeter } from "./held-meter.ts";
import { Ledger } from "./ledger.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import { seededRandom } from "./random.ts";
import { Recovery } from "./recovery.ts";

const SMALLEST_BYTES = 200;
const LARGEST_BYTES = 20_480;
const HELLO_EVERY_MS = 200;
const HELLO_TIMEOUT_MS = 20_000;
const SETTLE_POLL_MS = 100;
const MAX_OPEN = 20;
/** A publisher that was held for longer sends from then on as before, and not all at once what it did not send meanwhile. */
const MAX_LATE_MS = 500;

/** Who is in the topic, and how fast they publish all together. */
export type CrowdOptions = {
  readonly memberCount: number;
  readonly messagesPerSecond: number;
  readonly seed: number;
};

/** The members of one topic, all of whom publish numbered messages, and the ledger of what became of these. */
export class Crowd {
  readonly ledger: Ledger;
  readonly held: HeldMeter;
  readonly recoveries: Recovery[] = [];
  /** Those of them that may still hear something new. */
  #open: readonly Recovery[] = [];
  readonly #options: CrowdOptions;
  readonly #members: KillTestMember[] = [];
  /** By receiver, whom it has heard. */
  readonly #heard: Set<number>[];
  readonly #publishing: Promise<void>[] = [];
  #isStopped = false;
  #lastReceivedAtMs = 0;

  private constructor(options: CrowdOptions) {
    this.#options = options;
    this.ledger = new Ledger(options.memberCount);
    this.held = new HeldMeter(options.memberCount);
    this.#heard = Array.from({ length: options.memberCount }, () => new Set<number>());
  }

  /** Opens all members through the proxy, and waits until each has heard every other. */
  static async open(
    contestant: KillTestContestant,
    proxy: CutProxy,
    ca: string,
    options: CrowdOptions,
  ): Promise<Crowd> {
    const crowd = new Crowd(options);
    const { memberCount } = options;
    try {
      for (let index = 0; index < memberCount; index += 1) {
        const setting = { port: proxy.port(index), ca, index, memberCount };
        crowd.#members.push(await contestant.openMember(setting, crowd.#hooks(index)));
      }
      await crowd.#meet();
    } catch (error) {
      await crowd.close();
      throw error;
    }
    return crowd;
  }

  /** Every member begins to publish, evenly spread. */
  publish(): void {
    for (const index of this.#members.keys()) this.#publishing.push(this.#publishAs(index));
  }

  /** The server is ready again, or a member's line whole. */
  ready(): void {
    const from = this.recoveries.at(-1)?.heads ?? this.#members.map(() => 0);
    const recovery = new Recovery(this.ledger, from, performance.now());
    this.recoveries.push(recovery);
    // Where something was lost none ends: after so many others the earlier ones are given up.
    this.#open = [...this.#open.filter(({ isOver }) => !isOver).slice(1 - MAX_OPEN), recovery];
  }

  /**
   * Stops publishing, and waits until everything has come, or nothing has come for `quietMs`; at most `patienceMs`.
   * @returns how many publishes were still waiting then
   */
  async settle(quietMs: number, patienceMs: number): Promise<number> {
    this.#isStopped = true;
    let waiting = this.#publishing.length;
    for (const loop of this.#publishing) void loop.then(() => (waiting -= 1));
    const beganAtMs = performance.now();
    this.#lastReceivedAtMs = beganAtMs;
    for (;;) {
      await pause(SETTLE_POLL_MS);
      const nowMs = performance.now();
      if (waiting === 0 && this.ledger.isComplete) break;
      if (nowMs - this.#lastReceivedAtMs > quietMs || nowMs - beganAtMs > patienceMs) break;
    }
    return waiting;
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#members.map((member) => member.close()));
  }

  #hooks(receiver: number): MemberHooks {
    return {
      onMessage: (bytes) => this.#receive(receiver, bytes),
      onLost: (count) => this.ledger.told(receiver, count, performance.now()),
      onRefused: (bytes) => this.ledger.refused(receiver, decodeMessage(bytes)?.seq ?? 0),
      onHeld: (isHeld) => this.held.told(receiver, isHeld, performance.now()),
    };
  }

  #receive(receiver: number, bytes: Uint8Array): void {
    const stamp = decodeMessage(bytes);
    if (stamp === undefined) {
      this.ledger.strange();
      return;
    }
    const { kind, sender, seq } = stamp;
    this.#heard[receiver]?.add(sender);
    if (kind === "hello") return;
    const nowMs = performance.now();
    this.#lastReceivedAtMs = nowMs;
    if (this.ledger.received(receiver, sender, seq) !== "first") return;
    for (const recovery of this.#open) recovery.received(receiver, sender, seq, nowMs);
  }

  /** Messages that do not count, again and again, until everybody has heard everybody. */
  async #meet(): Promise<void> {
    const deadlineMs = performance.now() + HELLO_TIMEOUT_MS;
    while (this.#heard.some((heard) => heard.size < this.#options.memberCount - 1)) {
      if (performance.now() > deadlineMs) throw new Error("the members do not hear each other");
      const hellos = this.#members.map((member, sender) =>
        member.publish(encodeMessage({ kind: "hello", sender, seq: 0, sentAtMs: performance.now() }, SMALLEST_BYTES)),
      );
      await Promise.allSettled(hellos);
      await pause(HELLO_EVERY_MS);
    }
  }

  async #publishAs(index: number): Promise<void> {
    const { memberCount, messagesPerSecond, seed } = this.#options;
    const random = seededRandom(seed + index);
    const everyMs = (1000 * memberCount) / messagesPerSecond;
    let nextAtMs = performance.now() + (everyMs * index) / memberCount;
    while (!this.#isStopped) {
      const waitMs = nextAtMs - performance.now();
      if (waitMs > 0) await pause(waitMs);
      await this.#publishOnce(index, SMALLEST_BYTES + Math.floor(random() * (LARGEST_BYTES - SMALLEST_BYTES + 1)));
      nextAtMs = Math.max(nextAtMs + everyMs, performance.now() - MAX_LATE_MS);
    }
  }

  async #publishOnce(sender: number, sizeBytes: number): Promise<void> {
    const sentAtMs = performance.now();
    const seq = this.ledger.sent(sender, sentAtMs);
    try {
      await this.#members[sender]?.publish(encodeMessage({ kind: "counted", sender, seq, sentAtMs }, sizeBytes));
    } catch {
      this.ledger.refused(sender, seq);
    } finally {
      this.held.published(sender, performance.now() - sentAtMs);
    }
  }
}
