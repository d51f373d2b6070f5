import { once } from "node:events";
import { get } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { Run } from "../support/process.ts";

const CLIENTS = 200;
const TOPICS = 20;
const BATCH = 20;
/** What they send in all: 1,000 messages a second, each to nine others. */
const SEND_INTERVAL_MS = 200;
/** Five milliseconds for each. */
const SPREAD_MS = 1000;

type Sent = { readonly from: Mover; readonly id: string; isRefused: boolean; firstReceivedAtMs: number };

/** A client that sends all the time, and goes over to the other process as it is told to. */
class Mover {
  readonly topic: string;
  readonly received = new Set<string>();
  readonly sent: Sent[] = [];
  closesInMs: number | undefined;
  reconnectWithinMs = 0;
  closedAtMs = Number.POSITIVE_INFINITY;
  closeCode = 0;
  readonly #port: number;
  readonly #name: string;
  readonly #all: Map<string, Sent>;

  constructor(index: number, port: number, all: Map<string, Sent>) {
    this.topic = `topic ${index % TOPICS}`;
    this.#name = `${index}`;
    this.#port = port;
    this.#all = all;
  }

  /** @returns a connection that has joined; rejects where it is refused. */
  async join(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.#port}`, SUBPROTOCOL_V1);
    onTestFinished(() => socket.terminate());
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "join", topic: this.topic }));
    await once(socket, "message");
    return socket;
  }

  /** Sends until it is closed. */
  async stay(socket: WebSocket): Promise<void> {
    socket.on("message", (bytes: Buffer) => this.#take(JSON.parse(bytes.toString()) as Record<string, unknown>));
    const timer = setInterval(() => this.#send(socket), SEND_INTERVAL_MS);
    const [code] = (await once(socket, "close")) as [number];
    clearInterval(timer);
    this.closedAtMs = performance.now();
    this.closeCode = code;
  }

  #send(socket: WebSocket): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    const ref = this.sent.length;
    const message = { from: this, id: `${this.#name}/${ref}`, isRefused: false, firstReceivedAtMs: Infinity };
    this.sent.push(message);
    this.#all.set(message.id, message);
    socket.send(JSON.stringify({ type: "data", topic: this.topic, data: message.id, ref }));
  }

  #take(message: Record<string, unknown>): void {
    if (message["type"] === "restarting") {
      this.closesInMs = Number(message["closesInMs"]);
      this.reconnectWithinMs = Number(message["reconnectWithinMs"]);
    } else if (message["type"] === "error") {
      const refused = this.sent[Number(message["ref"])];
      if (message["code"] === "restarting" && refused !== undefined) refused.isRefused = true;
    } else if (message["type"] === "data") {
      const id = String(message["data"]);
      this.received.add(id);
      const sent = this.#all.get(id);
      if (sent !== undefined) sent.firstReceivedAtMs = Math.min(sent.firstReceivedAtMs, performance.now());
    }
  }
}

it("moves 200 clients under load to a second process: none is refused, and no message is lost without an error", async () => {
  const first = await startSharing(0);
  const all = new Map<string, Sent>();
  const movers = Array.from({ length: CLIENTS }, (_, index) => new Mover(index, first.port, all));
  const sockets = await inBatches(movers, (mover) => mover.join());
  const second = await startSharing(first.port);

  const stays = movers.map((mover, index) => mover.stay(sockets[index] as WebSocket));
  await sleep(500);
  const signalledAtMs = performance.now();
  first.run.signal("SIGTERM");
  const moved = await Promise.all(
    movers.map(async (mover, index) => {
      await stays[index];
      await sleep(Math.random() * mover.reconnectWithinMs);
      return mover.join();
    }),
  );

  expect(await first.run.exitCode()).toBe(0);
  expect(second.port).toBe(first.port);
  expect(moved.every(({ readyState }) => readyState === WebSocket.OPEN)).toBe(true);
  expect(movers.map(({ closeCode }) => closeCode)).toEqual(movers.map(() => 1012));
  const closesInMs = movers.map((mover) => mover.closesInMs ?? 0).toSorted((a, b) => a - b);
  expect(closesInMs).toEqual(movers.map((_, index) => (index + 1) * 5));
  expect(new Set(movers.map(({ reconnectWithinMs }) => reconnectWithinMs))).toEqual(new Set([SPREAD_MS]));
  const { lost, coveredCount } = judge([...all.values()], movers, signalledAtMs);
  expect(lost).toEqual([]);
  expect(coveredCount).toBeGreaterThan(CLIENTS);
});

/**
 * A message was taken before it was first received, and before its sender was closed. A member whose close was due later
 * than that was open then, and has to have it.
 */
function judge(messages: readonly Sent[], movers: readonly Mover[], signalledAtMs: number) {
  const lost: string[] = [];
  let coveredCount = 0;
  for (const { from, id, isRefused, firstReceivedAtMs } of messages) {
    if (isRefused) continue;
    const takenBeforeMs = Math.min(firstReceivedAtMs, from.closedAtMs);
    for (const member of movers) {
      if (member === from || member.topic !== from.topic) continue;
      if (signalledAtMs + (member.closesInMs ?? 0) <= takenBeforeMs) continue;
      coveredCount += 1;
      if (!member.received.has(id)) lost.push(id);
    }
  }
  return { lost, coveredCount };
}

it("answers newcomers with 503 and Retry-After during the whole drain, its last moment included", async () => {
  const relay = new Run(["relay/main.ts"], { env: { PORT: "0", HOST: "127.0.0.1", NODE_ENV: "test" } });
  const [, port = ""] = await relay.printed(/"port":(\d+)/);
  const clients = await inBatches(
    Array.from({ length: 120 }, () => port),
    openPlain,
  );

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

async function openPlain(port: string): Promise<WebSocket> {
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

/** Some at a time: a port has room for so many who wait. */
async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += BATCH) {
    results.push(...(await Promise.all(items.slice(at, at + BATCH).map(work))));
  }
  return results;
}

async function startSharing(port: number): Promise<{ readonly run: Run; readonly port: number }> {
  const env = { PORT: `${port}`, HOST: "127.0.0.1", REUSE_PORT: "true", TLS: "off", NODE_ENV: "test" };
  const run = new Run(["relay/main.ts"], { env });
  const [, actualPort] = await run.printed(/"port":(\d+)/);
  return { run, port: Number(actualPort) };
}
