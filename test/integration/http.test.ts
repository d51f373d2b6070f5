import { get } from "node:https";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { openClassic } from "../support/client.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

it("answers /health with the keys that every original system's check looks for", async () => {
  const relay = await startRelay();
  await openClassic(relay, "t", "a");

  const { status, headers, body } = await ask(relay, "/health");

  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("application/json");
  expect(body).toMatch(/^\{"status":"healthy","version":"\d+\.\d+\.\d+","uptime_seconds":\d+,"uptime":\d+\.\d+,/);
  expect(JSON.parse(body)).toMatchObject({ topics: 1, peers: 1, connections: 1, blob_count: 0, meshes: 0 });
});

it("says it is ready while it runs, and that its certificate is of no use when it has ended", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);

  const running = await ask(relay, "/ready");
  clock.jumpEpoch(366 * 86_400_000);
  const expired = await ask(relay, "/ready");

  expect(running.status).toBe(200);
  expect(running.body).toMatch(/^\{"status":"ready",/);
  expect(expired.status).toBe(503);
  expect(JSON.parse(expired.body)).toMatchObject({
    status: "no-certificate",
    certificate: { seconds_to_expiry: -86_460 },
  });
});

it("says at /ready and /stats how its certificate is doing, in whole seconds", async () => {
  const clock = new FakeClock();
  const startedAt = clock.epochMs() / 1000;
  const relay = await startRelay({}, clock);

  const ready = await ask(relay, "/ready");
  const stats = await ask(relay, "/stats");

  const certificate = {
    source: "self-signed",
    is_stand_in: false,
    seconds_to_expiry: 365 * 86_400 - 60,
    last_success: startedAt,
    last_error_code: null,
    next_attempt: startedAt - 60 + Math.floor((365 * 86_400 * 2) / 3),
    consecutive_failures: 0,
  };
  expect(JSON.parse(ready.body)).toEqual({ status: "ready", certificate });
  expect(JSON.parse(stats.body)).toMatchObject({ certificate });
});

it("shows counts, and nothing but counts, at /stats", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "secret-topic", "secret-peer");
  a.send({ type: "data", data: "c2VjcmV0" });
  await a.settled();

  const { body } = await ask(relay, "/stats");

  expect(JSON.parse(body)).toEqual({
    version: expect.any(String),
    uptime_seconds: expect.any(Number),
    connections: 1,
    peers: 1,
    topics: 1,
    messages: 1,
    bytes: 8,
    outboxes_full: 0,
    stalled_readers: 0,
    slow_readers: 0,
    pauses: 0,
    swept: 0,
    total_sessions: 0,
    active_sessions: 0,
    total_bytes_relayed: 0,
    certificate: expect.any(Object),
  });
});

it("refuses new connections and says so at /ready while it drains, until the last one is gone", async () => {
  const relay = await startRelay({ drainTimeoutMs: 30_000 });
  const slow = await openClassic(relay, "t", "slow");
  // Reading nothing, it does not answer the close: the drain has to wait for it.
  slow.socket.pause();

  const stopped = relay.stop();
  const ready = await ask(relay, "/ready");
  const refused = await refusedUpgrade(relay, "/");

  expect(ready.status).toBe(503);
  expect(JSON.parse(ready.body)).toMatchObject({ status: "draining" });
  expect(refused).toEqual({ status: 503, retryAfter: "5" });
  slow.socket.resume();
  expect(await slow.closed()).toMatchObject({ code: 1012 });
  await stopped;
});

it("ends a connection that does not take its close within the drain's time", async () => {
  const relay = await startRelay({ drainTimeoutMs: 50 });
  const stuck = await openClassic(relay, "t", "stuck");
  stuck.socket.pause();

  await relay.stop();

  expect(relay.figures()).toMatchObject({ peers: 0, connections: 0 });
});

it("refuses one connection more than it may hold with 503, and takes one when another has gone", async () => {
  const relay = await startRelay({ maxConnections: 1 });
  const only = await openClassic(relay, "t", "only");

  const refused = await refusedUpgrade(relay, "/");
  only.socket.close();
  await only.closed();

  expect(refused).toEqual({ status: 503, retryAfter: "30" });
  await openClassic(relay, "t", "next");
});

it("serves plain HTTP and WebSocket without TLS when told so", async () => {
  const relay = await startRelay({ tls: "off" });

  const a = await openClassic(relay, "t", "a");
  const response = await fetch(`http://127.0.0.1:${relay.port}/health`);

  await a.expectNothing();
  expect(response.status).toBe(200);
  expect(await (await fetch(`http://127.0.0.1:${relay.port}/ready`)).text()).toBe('{"status":"ready"}');
});

type HttpAnswer = { status: number | undefined; headers: Readonly<Record<string, unknown>>; body: string };

function ask(relay: TestRelay, path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  const url = `https://localhost:${relay.port}${path}`;
  return new Promise((resolve, reject) => {
    get(url, { ca: relay.certificate, headers, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    }).on("error", reject);
  });
}

function refusedUpgrade(relay: TestRelay, path: string): Promise<{ status: number | undefined; retryAfter: unknown }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${relay.url}${path}`, { ca: relay.certificate });
    socket.on("unexpected-response", (_, response) => {
      resolve({ status: response.statusCode, retryAfter: response.headers["retry-after"] });
      socket.terminate();
    });
    socket.on("open", () => reject(new Error("the upgrade was not refused")));
    socket.on("error", () => undefined);
  });
}
