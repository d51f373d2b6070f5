import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { type Client, openClassic, openV1, type Received } from "../support/client.ts";
import { startRelay } from "../support/relay.ts";

/** With two seconds for the last ones, all this is for the closes. */
const DRAINING = { drainTimeoutMs: 8000 };
/** So many connections before and behind: each is closed five milliseconds after the one before. */
const BEFORE = 60;
const BEHIND = 60;
const TOTAL = BEFORE + BEHIND + 3;

/** For the relay time passes more slowly than for its clients, who are in this process too: what it leaves them is enough. */
const SLOWNESS = 4;
const slowClock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() / SLOWNESS,
  every: (intervalMs, task) => systemClock.every(intervalMs * SLOWNESS, task),
  after: (delayMs, task) => systemClock.after(delayMs * SLOWNESS, task),
};

/** A relay with company, two members of a topic who are closed in the middle of it, and a witness who is closed last. */
async function openScene() {
  const relay = await startRelay({ ...DRAINING, tls: "off" }, slowClock);
  await openCompany(relay.port, BEFORE);
  const classic = await openClassic(relay, "t", "classic");
  const [v1] = await openV1(relay, "t", "v1");
  await openCompany(relay.port, BEHIND);
  const [witness] = await openV1(relay, "t", "witness");
  return { relay, classic, v1, witness };
}

/** Sends until the connection is closed: each message with its number as ref. @returns how many. */
async function sendUntilClosed(client: Client, intervalMs: number): Promise<number> {
  let count = 0;
  const timer = setInterval(() => {
    if (client.socket.readyState !== WebSocket.OPEN) return;
    count += 1;
    client.send({ type: "data", topic: "t", data: `${count}`, ref: count });
  }, intervalMs);
  await client.closed();
  clearInterval(timer);
  return count;
}

function messagesOf(client: Client): readonly Received[] {
  return client.texts.map((text) => JSON.parse(text) as Received);
}

it("tells a v1 client before it closes, serves it meanwhile, and answers every message or delivers it", async () => {
  const { relay, classic, v1, witness } = await openScene();
  const startedAtMs = performance.now();

  const stopped = relay.stop();
  const count = await sendUntilClosed(v1, 5);
  const lastedMs = performance.now() - startedAtMs;
  expect(await v1.closed()).toEqual({ code: 1012, reason: "the relay restarts" });
  await stopped;

  const told = messagesOf(v1).find(({ type }) => type === "restarting");
  const closesInMs = (BEFORE + 2) * 5;
  expect(told).toEqual({ type: "restarting", reconnectWithinMs: TOTAL * 5, closesInMs });
  expect(lastedMs).toBeGreaterThanOrEqual(closesInMs * SLOWNESS - 1);
  // The witness was still open, or there was nobody to deliver to.
  expect(lastedMs).toBeLessThan(TOTAL * 5 * SLOWNESS);
  const refused = messagesOf(v1).filter(({ code }) => code === "restarting");
  const delivered = messagesOf(witness).filter(({ type }) => type === "data");
  const known = [...refused.map(({ ref }) => Number(ref)), ...delivered.map(({ data }) => Number(data))];
  expect(known.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  expect(refused.length).toBeGreaterThan(0);
  expect(delivered.length).toBeGreaterThan(0);
  expect(messagesOf(classic).filter(({ type }) => type === "data").length).toBeGreaterThan(0);
  expect(await classic.closed()).toMatchObject({ code: 1012 });
});

it("delivers what a classic client sends to the end: it has no word for a refusal", async () => {
  const { relay, classic, witness } = await openScene();
  let count = 0;
  const timer = setInterval(() => {
    if (classic.socket.readyState !== WebSocket.OPEN) return;
    count += 1;
    classic.send({ type: "data", data: `${count}` });
  }, 5);

  const startedAtMs = performance.now();
  const stopped = relay.stop();
  await classic.closed();
  expect(performance.now() - startedAtMs).toBeLessThan(TOTAL * 5 * SLOWNESS);
  clearInterval(timer);
  await stopped;

  const delivered = messagesOf(witness).filter(({ type }) => type === "data");
  expect(count).toBeGreaterThan(0);
  expect(delivered.map(({ data }) => Number(data))).toEqual(Array.from({ length: count }, (_, index) => index + 1));
});

it("refuses a join, a signal and binary data in the last moments, and takes a leave and a ping", async () => {
  const relay = await startRelay({ ...DRAINING, tls: "off" });
  await openCompany(relay.port, 40);
  const [v1, { topicHandle, peerHandle }] = await openV1(relay, "t", "v1");

  const stopped = relay.stop();
  expect(await v1.next()).toMatchObject({ type: "restarting", closesInMs: 205 });
  v1.send({ type: "join", topic: "u", ref: 1 });
  v1.send({ type: "offer", topic: "t", to: 9, payload: "x", ref: 2 });
  v1.send(Buffer.from([1, 0, 0, 0, 0, 0, 0, Number(topicHandle), 0, 0, 0, 0, 7]));
  v1.send({ type: "ping", pad: "x", ref: 4 });
  v1.send({ type: "leave", topic: "t", ref: 3 });

  expect(await v1.take(5)).toMatchObject([
    { type: "error", code: "restarting", ref: 1 },
    { type: "error", code: "restarting", ref: 2 },
    { type: "error", code: "restarting" },
    { type: "pong", pad: "x", ref: 4 },
    { type: "peer-left", peerHandle, ref: 3 },
  ]);
  await stopped;
});

it("stops in its drain time although a client never answers the close and goes on sending", async () => {
  const relay = await startRelay({ drainTimeoutMs: 400, tls: "off" });
  const [deaf] = await openV1(relay, "t", "deaf");
  deaf.socket.pause();
  const sending = setInterval(() => deaf.socket.send("x".repeat(1000)), 1);
  onTestFinished(() => clearInterval(sending));
  const startedAtMs = performance.now();

  await relay.stop();

  expect(performance.now() - startedAtMs).toBeLessThan(2500);
  expect(relay.figures()).toMatchObject({ connections: 0, peers: 0, topics: 0 });
});

it("stops at once although somebody who came at the last moment goes on asking", async () => {
  const relay = await startRelay({ drainTimeoutMs: 30_000, tls: "off" });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const startedAtMs = performance.now();

  const stopping = relay.stop();
  const answers = await askUntilRefused(relay.port, agent);
  await stopping;

  expect(answers.length).toBeGreaterThan(0);
  expect(answers.at(-1)).toBe("close");
  expect(performance.now() - startedAtMs).toBeLessThan(5000);
});

/** Asks over one connection while it lasts. @returns what each answer says of the connection. */
async function askUntilRefused(port: number, agent: Agent): Promise<readonly string[]> {
  const answers: string[] = [];
  for (;;) {
    try {
      const asked = request({ host: "127.0.0.1", port, path: "/health", agent }).end();
      const [response] = (await once(asked, "response")) as [IncomingMessage];
      answers.push(response.headers.connection ?? "");
      response.resume();
      await once(response, "end");
      await sleep(10);
    } catch {
      return answers;
    }
  }
}

/** Connections that say nothing. */
async function openCompany(port: number, count: number): Promise<void> {
  const sockets = Array.from({ length: count }, () => new WebSocket(`ws://127.0.0.1:${port}`));
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
  });
  await Promise.all(sockets.map(async (socket) => once(socket, "open")));
}
