import { once } from "node:events";
import { get } from "node:https";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { type Client, openClassic, openV1, type Received } from "../support/client.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";

/** With two seconds for the last ones, all this is for the closes. */
const DRAINING = { drainTimeoutMs: 8000 };
/** So many connections before and behind: each is closed five milliseconds after the one before. */
const BEFORE = 60;
const BEHIND = 100;
const TOTAL = BEFORE + BEHIND + 3;

/** A relay with company, two members of a topic who are closed in the middle of it, and a witness who is closed last. */
async function openScene() {
  const relay = await startRelay({ ...DRAINING, tls: "off" });
  await Promise.all(Array.from({ length: BEFORE }, async () => openClassic(relay, "company")));
  const classic = await openClassic(relay, "t", "classic");
  const [v1] = await openV1(relay, "t", "v1");
  await Promise.all(Array.from({ length: BEHIND }, async () => openClassic(relay, "company")));
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
  expect(lastedMs).toBeGreaterThanOrEqual(closesInMs - 1);
  // The witness was still open, or there was nobody to deliver to.
  expect(lastedMs).toBeLessThan(TOTAL * 5);
  const refused = messagesOf(v1).filter(({ code }) => code === "restarting");
  const delivered = messagesOf(witness).filter(({ type }) => type === "data");
  const known = [...refused.map(({ ref }) => Number(ref)), ...delivered.map(({ data }) => Number(data))];
  expect(known.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
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
  expect(performance.now() - startedAtMs).toBeLessThan(TOTAL * 5);
  clearInterval(timer);
  await stopped;

  const delivered = messagesOf(witness).filter(({ type }) => type === "data");
  expect(count).toBeGreaterThan(0);
  expect(delivered.map(({ data }) => Number(data))).toEqual(Array.from({ length: count }, (_, index) => index + 1));
});

it("refuses a join, a signal and binary data in the last moments, and takes a leave", async () => {
  const relay = await startRelay({ ...DRAINING, tls: "off" });
  await Promise.all(Array.from({ length: 40 }, async () => openClassic(relay, "company")));
  const [v1, { topicHandle, peerHandle }] = await openV1(relay, "t", "v1");

  const stopped = relay.stop();
  expect(await v1.next()).toMatchObject({ type: "restarting", closesInMs: 205 });
  v1.send({ type: "join", topic: "u", ref: 1 });
  v1.send({ type: "offer", topic: "t", to: 9, payload: "x", ref: 2 });
  v1.send(Buffer.from([1, 0, 0, 0, 0, 0, 0, Number(topicHandle), 0, 0, 0, 0, 7]));
  v1.send({ type: "leave", topic: "t", ref: 3 });

  expect(await v1.take(4)).toMatchObject([
    { type: "error", code: "restarting", ref: 1 },
    { type: "error", code: "restarting", ref: 2 },
    { type: "error", code: "restarting" },
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

it("answers newcomers with 503 and Retry-After during the whole drain, its last moment included", async () => {
  const relay = new Run(["relay/main.ts"], { env: { PORT: "0", HOST: "127.0.0.1", NODE_ENV: "test" } });
  const [, port = ""] = await relay.printed(/"port":(\d+)/);
  const clients = await Promise.all(Array.from({ length: 120 }, async () => openPlain(Number(port))));

  relay.signal("SIGTERM");
  await relay.printed(/"draining"/);
  const outcomes: string[] = [];
  const dialers = Array.from({ length: 8 }, async () => {
    for (;;) {
      const outcome = await dial(Number(port));
      outcomes.push(outcome);
      if (outcome === "ECONNREFUSED") return;
    }
  });
  await Promise.all(dialers);

  expect(await relay.exitCode()).toBe(0);
  expect(new Set(outcomes)).toEqual(new Set(["503 retry-after 5", "ECONNREFUSED"]));
  expect(outcomes.length).toBeGreaterThan(20);
  expect(clients.every(({ readyState }) => readyState === WebSocket.CLOSED)).toBe(true);
});

async function openPlain(port: number): Promise<WebSocket> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

/** Asks for an upgrade over TLS. @returns what came of it, in a word or two. */
function dial(port: number): Promise<string> {
  return new Promise((resolve) => {
    const request = get({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      agent: false,
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      resolve("upgraded");
    });
    request.on("response", (response) => {
      const outcome = `${response.statusCode} retry-after ${response.headers["retry-after"]}`;
      response.resume();
      response.on("error", (error) => resolve(error.message));
      response.on("end", () => resolve(outcome));
    });
  });
}
