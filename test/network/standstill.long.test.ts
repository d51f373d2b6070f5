import { expect } from "vitest";
import { LineProcess } from "../support/line-process.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { LineClient } from "./line-client.ts";
import { LineRelay } from "./line-relay.ts";
import type { Plan } from "./plan.ts";
import { print, seconds, sleep } from "./reader-rows.ts";
import { ShapedNetwork } from "./shaped-network.ts";

const it = itOnShapedLines();

const TOPIC = "topic";
const READER_COUNT = 20;
const STALLED_COUNT = 1000;
const SENDER_COUNT = 4;
const MESSAGE_BYTES = 262_144;
const STANDSTILLS_MS = [1000, 2500, 10_000];
/** Between them: longer than any check of slow readers. */
const AFTERWARDS_MS = 3000;
const BUSY_LOOPS = 12;
/** The stalled ones have read before, so they are ended while the processors are busy. */
const READING_MS = 5000;
/** By the relay's own time: longer than it takes to end the stalled ones. */
const OVERLOADED_MS = 25_000;
const OVERLOADED_AT_MOST_MS = 150_000;
/** Each of a thousand is told of all who come after it. */
const JOIN_PATIENCE_MS = 240_000;
const TIMEOUT_MS = 480_000 + PATIENCE_MS;

const members = (name: string, count: number, url: string, send?: Plan["send"]): readonly Plan[] =>
  Array.from({ length: count }, (_, at) => ({
    name: `${name} ${at}`,
    url,
    form: "binary",
    topics: [TOPIC],
    ...(send && { send }),
  }));

/** They never stop, and never before somebody leaves. */
const sending: Plan["send"] = { topic: TOPIC, sizeBytes: MESSAGE_BYTES, count: 0, begins: "when-told" };

const closed = (client: LineClient) => client.events.filter(({ event }) => event === "closed");

it(
  "cuts none of 20 readers at full load when it stood still for 1, 2.5 and 10 s",
  async () => {
    const { relaySide } = new ShapedNetwork();
    const relay = await LineRelay.start(relaySide, 8080, ["--tls", "off"]);
    const url = relay.url("127.0.0.1");
    const readers = new LineClient("ws", relaySide, members("reader", READER_COUNT, url));
    await readers.joined(READER_COUNT);
    const senders = new LineClient("ws", relaySide, members("sender", SENDER_COUNT, url, sending));
    await senders.joined(SENDER_COUNT);
    senders.tell("all");

    for (const standstillMs of STANDSTILLS_MS) {
      await sleep(AFTERWARDS_MS);
      relay.process.signal("SIGSTOP");
      await sleep(standstillMs);
      relay.process.signal("SIGCONT");
    }
    const beforeCount = readers.events.length;
    await sleep(AFTERWARDS_MS);

    print(`stood still: ${readers.events.length} messages delivered, ${relay.closes.length} closed`);
    expect(relay.closes).toEqual([]);
    expect(closed(readers)).toEqual([]);
    expect(readers.events.length).toBeGreaterThan(beforeCount);
  },
  TIMEOUT_MS,
);

it(
  "cuts no reader that reads beside 1,000 that do not, while 12 others keep the processors busy",
  async () => {
    const { relaySide } = new ShapedNetwork();
    const relay = await LineRelay.start(relaySide, 8080, ["--tls", "off"]);
    const url = relay.url("127.0.0.1");
    const stalled = new LineClient("ws", relaySide, members("stalled", STALLED_COUNT, url));
    await stalled.joined(STALLED_COUNT, JOIN_PATIENCE_MS);
    const live = new LineClient("ws", relaySide, members("live", READER_COUNT, url));
    const senders = new LineClient("ws", relaySide, members("sender", 1, url, { ...sending, isEndless: true }));
    await Promise.all([live.joined(READER_COUNT), senders.joined(1)]);
    senders.tell("all");
    await sleep(READING_MS);
    stalled.process.signal("SIGSTOP");
    const loops = Array.from({ length: BUSY_LOOPS }, () => {
      return LineProcess.inNamespace(relaySide, ["sh", "-c", "while :; do :; done"], () => undefined);
    });

    const [begunMs, begunAtMs] = [relay.ownMs, performance.now()];
    const untilMs = begunAtMs + OVERLOADED_AT_MOST_MS;
    while (relay.ownMs - begunMs < OVERLOADED_MS && performance.now() < untilMs) await sleep(500);
    const [ownMs, wallMs] = [relay.ownMs - begunMs, performance.now() - begunAtMs];
    const messages = live.events.filter(({ event }) => event === "message");
    await Promise.all(loops.map((loop) => loop.end()));

    print(
      `overloaded for ${seconds(wallMs)}, by the relay's own time ${seconds(ownMs)}: ${messages.length} messages delivered to ${READER_COUNT} readers, ${relay.closes.length} closed`,
    );
    expect(closed(live)).toEqual([]);
    expect(new Set(messages.map(({ name }) => name)).size).toBe(READER_COUNT);
  },
  TIMEOUT_MS,
);
