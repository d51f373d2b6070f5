import { setTimeout as after } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import type { Relay } from "../../client/relay.ts";
import type { Topic } from "../../client/topic.ts";
import { eventually } from "./eventually.ts";
import type { RelayProcesses } from "./relay-processes.ts";

const SECRET = Buffer.alloc(32, "relays").toString("base64url");

/** So that a test with many restarts does not wait for each. */
const QUICK = { minDelayMs: 20, maxDelayMs: 200 };

/** Members of one sealed topic on all these relays, who know each other. */
export async function membersOn(
  { urls, ca }: RelayProcesses,
  count: number,
): Promise<{ relays: Relay[]; topics: Topic[] }> {
  const relays = Array.from({ length: count }, () => connect(urls, { tls: { ca }, reconnect: QUICK }));
  onTestFinished(async () => {
    await Promise.all(relays.map((relay) => relay.close()));
  });
  const topics = await Promise.all(relays.map((relay) => relay.join({ secret: SECRET })));
  await eventually(() => expect(topics.map(({ peers }) => peers.size)).toEqual(topics.map(() => count - 1)));
  await allConnected(relays);
  return { relays, topics };
}

/** Resolves when each is connected to all its relays. */
export async function allConnected(relays: readonly Relay[]): Promise<void> {
  await eventually(() => {
    const states = relays.flatMap((relay) => relay.relays.map(({ state }) => state));
    expect(states.filter((state) => state !== "connected")).toEqual([]);
  });
}

/** Every member broadcasts its numbers, and counts what it hears of the others. */
export class Load {
  readonly faults: string[] = [];
  largestGapMs = 0;
  readonly #topics: readonly Topic[];
  readonly #heard = new Map<string, number>();
  #count = 0;
  #isOver = false;
  #running: Promise<unknown> | undefined;

  constructor(topics: readonly Topic[]) {
    this.#topics = topics;
    for (const topic of topics) {
      let lastMs = performance.now();
      topic.on("message", ({ peer, text }) => {
        const nowMs = performance.now();
        this.largestGapMs = Math.max(this.largestGapMs, nowMs - lastMs);
        lastMs = nowMs;
        const key = `${topic.self.id} ${peer.id}`;
        const expected = (this.#heard.get(key) ?? 0) + 1;
        if (Number(text) !== expected) this.faults.push(`${text} in place of ${expected}`);
        this.#heard.set(key, Number(text));
      });
      topic.on("lost", ({ count }) => this.faults.push(`${count} lost`));
      topic.on("leave", () => this.faults.push("a leave was shown"));
    }
  }

  start(everyMs: number): void {
    this.#running = (async () => {
      while (!this.#isOver) {
        this.#count += 1;
        await Promise.all(this.#topics.map((topic) => topic.broadcast(`${this.#count}`)));
        await after(everyMs);
      }
    })();
  }

  /** Resolves when all was heard. @returns how many were owed, and how many of them came. */
  async end(): Promise<{ owed: number; heard: number }> {
    this.#isOver = true;
    await this.#running;
    await Promise.all(this.#topics.map((topic) => topic.flush()));
    const size = this.#topics.length;
    const heard = [...this.#heard.values()].reduce((sum, count) => sum + count, 0);
    return { owed: size * (size - 1) * this.#count, heard };
  }
}
