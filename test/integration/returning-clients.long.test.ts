import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { type ClientOptions as SocketOptions, WebSocket } from "ws";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { Client } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

/** As a widely used library does, whatever the close code. */
const REDIAL_MS = 20;
const RUN_MS = 3000;
const JOIN = JSON.stringify({ type: "join", topic: "t", peerId: "a" });

const BAD = { Authorization: "Bearer not.a.token" };
/** One of loopback's, so that it counts for itself. */
const ELSEWHERE = "127.0.0.9";

type Headers = Readonly<Record<string, string>>;

function optionsFor(relay: TestRelay, headers: Headers, localAddress = "127.0.0.1"): SocketOptions {
  return { ca: relay.certificate, headers, localAddress, family: 4 };
}

/** Dials again 20 ms after each end, for ever. */
class Redialer {
  count = 0;
  readonly #relay: TestRelay;
  readonly #options: SocketOptions;
  #isOver = false;
  #socket: WebSocket | undefined;

  constructor(relay: TestRelay, headers: Headers = {}, localAddress?: string) {
    this.#relay = relay;
    this.#options = optionsFor(relay, headers, localAddress);
    onTestFinished(() => this.stop());
    this.#dial();
  }

  stop(): void {
    this.#isOver = true;
    this.#socket?.terminate();
  }

  #dial(): void {
    if (this.#isOver) return;
    this.count += 1;
    const socket = new WebSocket(this.#relay.url, this.#options);
    this.#socket = socket;
    socket.on("open", () => socket.send(JOIN));
    socket.on("error", () => undefined);
    socket.on("close", () => setTimeout(() => this.#dial(), REDIAL_MS));
  }
}

async function startTokenRelay(): Promise<TestRelay> {
  return startRelay({ ...(await tokenOptions()), adminToken: ADMIN_TOKEN });
}

/** How many were told that they come back too often. */
function refusedCount(relay: TestRelay): Promise<number> {
  return counted(relay, 'relay_connection_errors_total{reason="returning"}');
}

/** A counter of the relay, by the beginning of its line. */
async function counted(relay: TestRelay, name: string): Promise<number> {
  const { body } = await askAsAdmin(relay, "/metrics");
  const line = body.split("\n").find((text) => text.startsWith(name)) ?? "";
  return Number(line.split(" ").at(-1));
}

function elapsed(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}

/** A user with a good token joins, and says how long that took. */
async function joinMs(relay: TestRelay, presented: string, way: "header" | "message"): Promise<number> {
  const startedAtMs = performance.now();
  const headers: Record<string, string> = way === "header" ? { Authorization: `Bearer ${presented}` } : {};
  const client = await Client.open(relay, { subprotocols: ["postern.v1"], headers });
  if (way === "message") client.send({ type: "auth", token: presented });
  client.send({ type: "join", topic: "t" });
  while ((await client.next())["type"] !== "joined");
  return performance.now() - startedAtMs;
}

it.each([
  ["says no token, and is closed with 4004", {}],
  ["shows a bad token, and gets 401", BAD],
])("slows down a client that %s, and dials again 20 ms after each end", async (_what, headers) => {
  const relay = await startTokenRelay();
  const client = new Redialer(relay, headers);

  await elapsed(RUN_MS);
  client.stop();

  // Ten at once, and then one a second; without it there are some hundred.
  expect(client.count).toBeGreaterThan(10);
  expect(client.count).toBeLessThanOrEqual(10 + RUN_MS / 1000 + 1);
  expect(await counted(relay, "relay_tls_handshakes_total")).toBeLessThanOrEqual(client.count + 1);
  expect(await counted(relay, 'relay_rate_limited_total{limit="returning"}')).toBeGreaterThan(0);
});

it("lets many good users in behind the same address meanwhile, at once", async () => {
  const relay = await startTokenRelay();
  const redialers = [{}, {}, BAD].map((headers) => new Redialer(relay, headers));
  await eventually(async () => {
    expect(await counted(relay, 'relay_rate_limited_total{limit="returning"}')).toBeGreaterThan(0);
  });

  const tokens = await Promise.all(
    Array.from({ length: 20 }, (_, index) => token({ claims: { sub: `user-${index}` } })),
  );
  const waits = await Promise.all([
    ...tokens.map((presented) => joinMs(relay, presented, "header")),
    ...tokens.map((presented) => joinMs(relay, presented, "message")),
  ]);

  expect(waits).toHaveLength(40);
  expect(await refusedCount(relay)).toBe(0);
  expect(relay.figures().peers).toBe(40);
  for (const redialer of redialers) redialer.stop();
});

it("tells who comes back in great numbers 429, then lets few of them come to TLS, and a good user soon after", async () => {
  const relay = await startTokenRelay();
  const flood = Array.from({ length: 40 }, () => new Redialer(relay, BAD, ELSEWHERE));
  await eventually(async () => expect(await refusedCount(relay)).toBeGreaterThan(20));

  await elapsed(RUN_MS);
  for (const client of flood) client.stop();

  const dials = flood.reduce((sum, { count }) => sum + count, 0);
  const handshakes = await counted(relay, "relay_tls_handshakes_total");
  expect(handshakes).toBeLessThan(dials / 4);
  const headers = { Authorization: `Bearer ${await token()}` };
  await eventually(async () => {
    const socket = new WebSocket(relay.url, optionsFor(relay, headers, ELSEWHERE));
    onTestFinished(() => socket.terminate());
    await once(socket, "open", { signal: AbortSignal.timeout(PATIENCE_MS) });
  });
});

it("gives a held answer when the relay stops", async () => {
  const relay = await startTokenRelay();
  const client = new Redialer(relay, BAD);
  await eventually(() => expect(client.count).toBeGreaterThan(10));

  const startedAtMs = performance.now();
  await relay.stop();

  expect(performance.now() - startedAtMs).toBeLessThan(1000);
  client.stop();
});
