import { expect } from "vitest";
import { type Kind, LineClient } from "./line-client.ts";
import { LineRelay } from "./line-relay.ts";
import type { Plan } from "./plan.ts";
import { print, seconds, sleep } from "./reader-rows.ts";
import { ShapedNetwork } from "./shaped-network.ts";

/** Many messages at once, to three readers beside the relay and one on a slow line. */
export type Burst = {
  readonly name: string;
  readonly senderCount: number;
  readonly messagesEach: number;
  readonly messageBytes: number;
  /** "binary": v1 and `ws` alone. "json": classic and v1 senders in turns; Python and the original's clients read. */
  readonly form: "binary" | "json";
  readonly bitsPerSecond: number;
};

/** What is there beside the senders. */
const READER_COUNT = 4;
/** The relay takes payloads of three quarters of this: 4 MB and more. */
const MAX_FRAME_BYTES = 6_291_456;
const TOPIC = "burst";
const SLOW = "slow reader";
/** With one message each, all is on its way to the fast ones long before the slow one has a part of it. */
const MAX_FAST_PART = 1 / 3;
const MAX_SLOWEST_TO_MEAN = 1.5;
const MIN_LINE_PART = 0.9;
/** Of a full packet of Ethernet, what is data: 1448 of 1514 bytes. */
const DATA_PART = 1448 / 1514;
const BASE64_PART = 4 / 3;
/** Each of a thousand is told of all who come after it. */
const JOIN_PATIENCE_MS = 240_000;
/** A line is to be done with a burst in this many times what it needs. */
const PATIENCE_RATIO = 3;

/** Runs bursts side by side, each with a relay of its own, and expects of each that nothing is lost and nobody closed. */
export async function runBursts(bursts: readonly Burst[]): Promise<void> {
  const network = new ShapedNetwork();
  await Promise.all(bursts.map((burst, number) => new BurstRun(burst, network, 8100 + number).run()));
}

class BurstRun {
  readonly #burst: Burst;
  readonly #network: ShapedNetwork;
  readonly #port: number;

  constructor(burst: Burst, network: ShapedNetwork, port: number) {
    this.#burst = burst;
    this.#network = network;
    this.#port = port;
  }

  async run(): Promise<void> {
    const { senderCount, messagesEach, bitsPerSecond } = this.#burst;
    const options = [
      "--tls",
      "off",
      "--max-frame-bytes",
      `${MAX_FRAME_BYTES}`,
      "--max-connections",
      `${senderCount + READER_COUNT}`,
    ];
    const relay = await LineRelay.start(this.#network.relaySide, this.#port, options);
    const line = this.#network.line(bitsPerSecond);
    const fast = this.#fastReaders(relay.url("127.0.0.1"));
    const slow = this.#reader(this.#slowKind, this.#network.clientSide, SLOW, relay.url(line.relayAddress));
    await Promise.all([...fast, slow].map((client) => client.joined(1)));
    const senders = new LineClient("ws", this.#network.relaySide, this.#senderPlans(relay.url("127.0.0.1")));
    await senders.joined(senderCount, JOIN_PATIENCE_MS);
    // Their coming is told to the slow reader too: that is not what is measured.
    await sleep(2000);

    const begunAtMs = performance.now();
    senders.tell("all");
    const expected = senderCount * messagesEach;
    const patienceMs = this.#lineMs * PATIENCE_RATIO + 30_000;
    const isDone = (client: LineClient) => messagesOf(client).length >= expected || relay.closes.length > 0;
    await Promise.all(
      [...fast, slow].map((client) => client.until(() => isDone(client), patienceMs, this.#burst.name)),
    );

    const ended = [...fast, slow].flatMap(({ events }) => events.filter(({ event }) => event === "closed"));
    expect([...relay.errors, ...relay.closes, ...ended], this.#burst.name).toEqual([]);
    for (const client of [...fast, slow]) this.#expectWhole(client);
    this.#expectPace(fast, slow, begunAtMs);
    print(`${this.#burst.name}: resident at most ${relay.peakRssMiB.toFixed(0)} of ${relay.memoryBoundMiB} MiB`);
    expect.soft(relay.peakRssMiB, this.#burst.name).toBeLessThan(relay.memoryBoundMiB);
  }

  get #slowKind(): Kind {
    return this.#burst.form === "binary" ? "ws" : "python";
  }

  /** What the line needs for all of it at least. */
  get #lineMs(): number {
    const { senderCount, messagesEach, messageBytes, form, bitsPerSecond } = this.#burst;
    const frameBytes = messageBytes * (form === "binary" ? 1 : BASE64_PART);
    return (senderCount * messagesEach * frameBytes * 8 * 1000) / (bitsPerSecond * DATA_PART);
  }

  #fastReaders(url: string): readonly LineClient[] {
    const kinds: readonly Kind[] = this.#burst.form === "binary" ? ["ws", "ws", "ws"] : ["python", "ws", "ws"];
    return kinds.map((kind, at) => this.#reader(kind, this.#network.relaySide, `fast reader ${at}`, url, at === 2));
  }

  #reader(kind: Kind, namespace: string, name: string, url: string, isV1 = false): LineClient {
    const form = this.#burst.form === "binary" || isV1 ? this.#burst.form : "classic";
    return new LineClient(kind, namespace, [{ name, url, form, topics: [TOPIC] }]);
  }

  #senderPlans(url: string): readonly Plan[] {
    const { senderCount, messagesEach, messageBytes, form } = this.#burst;
    return Array.from({ length: senderCount }, (_, at) => ({
      name: `sender ${at}`,
      url,
      form: form === "json" && at % 2 === 1 ? "classic" : form,
      topics: [TOPIC],
      isDeaf: true,
      send: { topic: TOPIC, sizeBytes: messageBytes, count: messagesEach, begins: "when-told" },
    }));
  }

  /** Every message once, each sender's in order. */
  #expectWhole(client: LineClient): void {
    const { senderCount, messagesEach, messageBytes, name } = this.#burst;
    const numbers = new Map<string, number[]>();
    for (const { from, index, bytes } of messagesOf(client)) {
      expect(bytes).toBe(messageBytes);
      numbers.set(from, [...(numbers.get(from) ?? []), index]);
    }
    const all = Array.from({ length: messagesEach }, (_, index) => index);
    expect(numbers.size, name).toBe(senderCount);
    for (const received of numbers.values()) expect(received, name).toEqual(all);
  }

  #expectPace(fast: readonly LineClient[], slow: LineClient, begunAtMs: number): void {
    const { name, messagesEach } = this.#burst;
    const fastMs = Math.max(...fast.map((client) => lastAtMs(client) - begunAtMs));
    const slowMs = lastAtMs(slow) - begunAtMs;
    // Before the relay has a whole message it has none to give.
    const hadFirstAtMs = Math.min(...[...fast, slow].map((client) => messagesOf(client)[0]?.atMs ?? Number.NaN));
    const linePart = this.#lineMs / (lastAtMs(slow) - hadFirstAtMs);
    print(
      `${name}: fast after ${seconds(fastMs)}, slow ${seconds(slowMs)}, ${(linePart * 100).toFixed(0)} % of its line`,
    );
    expect.soft(linePart, name).toBeGreaterThanOrEqual(MIN_LINE_PART);
    if (messagesEach === 1) expect.soft(fastMs, name).toBeLessThan(slowMs * MAX_FAST_PART);
    else {
      const ends = new Map(messagesOf(slow).map(({ from, atMs }) => [from, atMs - begunAtMs]));
      const meanMs = [...ends.values()].reduce((sum, endMs) => sum + endMs, 0) / ends.size;
      const ratio = Math.max(...ends.values()) / meanMs;
      print(`${name}: the slowest sender needs ${ratio.toFixed(2)} times the mean`);
      expect.soft(ratio, name).toBeLessThanOrEqual(MAX_SLOWEST_TO_MEAN);
    }
  }
}

function messagesOf(client: LineClient) {
  return client.events.filter((heard) => heard.event === "message");
}

function lastAtMs(client: LineClient): number {
  return messagesOf(client).at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
}
