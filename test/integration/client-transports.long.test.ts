import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import type { Topic } from "../../client/topic.ts";
import type { ServerProcess } from "../../scripts/kill-test/server-process.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { startRelayProcesses } from "../support/relay-processes.ts";
import { type Upgrades, WayProxy } from "../support/way-proxy.ts";

const MESSAGE_COUNT = 10_000;
/** About 20 s of messages, so that a WebSocket is tried again in the middle of them. */
const MESSAGES_PER_TURN = 50;
const TURN_MS = 100;
const RECONNECT = { minDelayMs: 20, maxDelayMs: 500 };

/** What the proxy does from when on, and how it begins: the session goes to polls, back, and to polls again. */
const CHANGES: readonly (readonly [afterMs: number, upgrades: Upgrades, isCut: boolean])[] = [
  [3000, "pass", false],
  [15_000, "strip", true],
];

it("brings 10,000 numbered messages each way once and in order, over polls, a WebSocket and polls again", async () => {
  const relay = await startRelay({ tls: "off" });
  const proxy = await WayProxy.to(relay.port, "strip", { copies: 2 });
  const behind = connect(proxy.url);
  const outside = connect(`ws://127.0.0.1:${relay.port}`);
  onTestFinished(async () => {
    await Promise.all([behind.close(), outside.close()]);
  });
  const topics = await Promise.all([behind, outside].map((client) => client.join("t", { public: true })));
  const transports = new Set<string | undefined>();
  const watch = setInterval(() => transports.add(behind.info.transport), 50);
  onTestFinished(() => clearInterval(watch));
  const timers = CHANGES.map(([afterMs, upgrades, isCut]) =>
    setTimeout(() => {
      proxy.upgrades = upgrades;
      if (isCut) proxy.cut();
    }, afterMs),
  );
  onTestFinished(() => timers.forEach((timer) => clearTimeout(timer)));

  const received = topics.map(take);
  await Promise.all(topics.map(send));

  for (const texts of await Promise.all(received)) {
    expect(texts).toEqual(Array.from({ length: MESSAGE_COUNT }, (_, index) => String(index)));
  }
  expect(transports).toEqual(new Set(["polling", "websocket", undefined]));
  expect(behind.info.transport).toBe("polling");
});

it("notices within 12 s that the relay which it polls was killed, and is back with the next one", async () => {
  const { servers, urls, ca } = await startRelayProcesses(1);
  const [server, url] = [servers[0] as ServerProcess, urls[0] as string];
  const [behind, outside] = [
    connect(url, { transports: ["polling"], tls: { ca }, reconnect: RECONNECT }),
    connect(url, { tls: { ca }, reconnect: RECONNECT }),
  ];
  onTestFinished(async () => {
    await Promise.all([behind.close(), outside.close()]);
  });
  const [polls, other] = await Promise.all([behind, outside].map((relay) => relay.join("t", { public: true })));
  const received = first(polls as Topic);

  const killedMs = performance.now();
  await server.kill();
  await eventually(() => expect(behind.state).toBe("reconnecting"));
  const noticedMs = performance.now() - killedMs;
  await server.start();
  await eventually(() => expect([behind.state, outside.state]).toEqual(["connected", "connected"]));
  await (other as Topic).broadcast("after the kill");

  expect(await received).toBe("after the kill");
  expect(noticedMs).toBeLessThan(12_000);
  expect(behind.info.transport).toBe("polling");
});

async function first(topic: Topic): Promise<string | undefined> {
  for await (const { text } of topic.messages()) return text;
  return undefined;
}

async function send(topic: Topic): Promise<void> {
  for (let number = 0; number < MESSAGE_COUNT; number += 1) {
    await topic.broadcast(String(number));
    if (number % MESSAGES_PER_TURN === 0) await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
}

async function take(topic: Topic): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { text } of topic.messages()) {
    texts.push(text);
    if (texts.length === MESSAGE_COUNT) break;
  }
  return texts;
}
