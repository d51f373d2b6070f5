import { once } from "node:events";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

async function openPair(relay: TestRelay, path = "/relay/s-1"): Promise<[PlainClient, PlainClient]> {
  return [await PlainClient.open(relay, path), await PlainClient.open(relay, path)];
}

it("[PAIR-1] passes on what each half sends as it is, and says nothing of its own", async () => {
  const relay = await startRelay();
  const [a, b] = await openPair(relay);

  a.send('{"type":"join"}');
  a.send("");
  b.send(Buffer.of(0, 255));
  b.send(Buffer.alloc(0));

  await b.hears('{"type":"join"}', "");
  await a.hears("binary 00ff", "binary ");
});

it("loses what is said before the other half is there", async () => {
  const relay = await startRelay();
  const a = await PlainClient.open(relay, "/relay/s-1");
  a.send("nobody there yet");
  await a.settled();
  const b = await PlainClient.open(relay, "/relay/s-1");

  a.send("now");

  await b.hears("now");
});

it.each([
  ["under the prefix", "/pair/relay/s-1", "/relay/s-1"],
  ["with percent signs", "/relay/a%2Fb", "/relay/%61%2fb"],
  ["with a percent sign that begins no code", "/relay/50%", "/relay/50%"],
])("takes an id %s for the same", async (_title, one, other) => {
  const relay = await startRelay();
  const [a, b] = [await PlainClient.open(relay, one), await PlainClient.open(relay, other)];

  a.send("hello");

  await b.hears("hello");
});

it.each([["/relay/"], ["/relay"], ["/relay/a/b"], [`/relay/${"x".repeat(129)}`], ["/pair/x"]])(
  "has nothing at %s",
  async (path) => {
    const relay = await startRelay();

    expect(await statusOfUpgrade(relay, path)).toBe(404);
  },
);

it.each([
  ["closes", (client: PlainClient) => client.socket.close(1000)],
  ["breaks off", (client: PlainClient) => client.socket.terminate()],
])("[PAIR-2] closes the other half with 1000 when one %s, behind all that it is owed", async (_title, leave) => {
  const relay = await startRelay();
  const [a, b] = await openPair(relay);
  a.send("the last word");
  await b.hears("the last word");

  leave(a);

  expect(await b.closed()).toEqual({ code: 1000, reason: "" });
  await eventually(() => expect(relay.figures()).toMatchObject({ connections: 0, peers: 0, topics: 0 }));
});

it("[PAIR-2] gives a half that reads slowly all that it is owed before the close", async () => {
  const relay = await startRelay({ outboxHighWaterBytes: 65_536 });
  const [a, b] = await openPair(relay);
  const message = Buffer.alloc(100_000, 1);
  b.socket.pause();
  for (let index = 0; index < 200; index += 1) a.send(message);
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
  a.socket.close(1000);

  b.socket.resume();

  expect(await b.closed()).toEqual({ code: 1000, reason: "" });
  expect(b.heard).toHaveLength(200);
});

it("begins anew on an id that a pair has left, also while its other half is still being given what it is owed", async () => {
  const relay = await startRelay({ drainTimeoutMs: 8000 });
  const [a, b] = await openPair(relay);
  b.socket.pause();
  a.send(Buffer.alloc(900_000));
  await a.settled();
  a.socket.close();
  await a.closed();

  const [c, d] = await openPair(relay);
  c.send("a new session");

  await d.hears("a new session");
  b.socket.resume();
  expect(await b.closed()).toEqual({ code: 1000, reason: "" });
  expect(b.heard.map(({ length }) => length)).toEqual(["binary ".length + 1_800_000]);
});

it("[PAIR-3] refuses the third socket of an attacker who guessed the id, and the pair notices nothing", async () => {
  const relay = await startRelay();
  const [a, b] = await openPair(relay);

  const third = await PlainClient.open(relay, "/relay/s-1");
  third.socket.on("error", () => undefined);
  third.send("from the third");

  expect(await third.closed()).toEqual({ code: 1008, reason: "Session full" });
  a.send("still here");
  b.send("and I");
  await b.hears("still here");
  await a.hears("and I");
  expect(third.heard).toEqual([]);
});

it("[PAIR-4] bounds the waiting halves of an attacker who opens one after the other, and lets pairs through", async () => {
  const relay = await startRelay({ maxWaitingPairs: 2 });
  const a = await PlainClient.open(relay, "/relay/one");
  await PlainClient.open(relay, "/relay/two");

  const third = await PlainClient.open(relay, "/relay/three");

  expect(await third.closed()).toEqual({ code: 1013, reason: "too many waiting" });
  const partner = await PlainClient.open(relay, "/relay/one");
  partner.send("hello");
  await a.hears("hello");
  // The pair has freed a place.
  const fourth = await PlainClient.open(relay, "/relay/four");
  await fourth.settled();
});

it("[PAIR-5] ends a half that has waited for too long, and no pair", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ pairWaitTimeoutMs: 60_000 }, clock);
  const waiting = await PlainClient.open(relay, "/relay/alone");
  const [a, b] = await openPair(relay);
  await a.settled();

  // With JOIN_TIMEOUT_MS over, it stays.
  for (let index = 0; index < 7; index += 1) {
    clock.advance(5000);
    await Promise.all([waiting.settled(), a.settled(), b.settled()]);
  }
  expect(waiting.socket.readyState).toBe(WebSocket.OPEN);
  for (let index = 0; index < 5; index += 1) {
    await Promise.all([a.settled(), b.settled()]);
    clock.advance(5000);
  }

  expect(await waiting.closed()).toEqual({ code: 1008, reason: "no partner in time" });
  a.send("hello");
  await b.hears("hello");
});

it("[PAIR-6] limits how often an attacker may guess ids, and tells nothing of which there are", async () => {
  const relay = await startRelay({ connectionsPerIpPerMinute: 20, accessLog: "all" });
  await PlainClient.open(relay, "/relay/secret-id");
  const statuses: (number | undefined)[] = [];
  for (let index = 0; index < 25; index += 1) {
    const socket = new WebSocket(`${relay.url}/relay/guess-${index}`, { ca: relay.certificate });
    socket.on("error", () => undefined);
    socket.on("unexpected-response", (_, response) => statuses.push(response.statusCode));
    await Promise.race([once(socket, "open"), once(socket, "close"), once(socket, "unexpected-response")]);
    socket.terminate();
  }

  expect(statuses).toContain(429);
  expect(JSON.stringify(relay.logLines())).not.toContain("secret-id");
  expect((await ask(relay, "/pair/stats", {})).body).not.toContain("secret-id");
});

it("closes with 1009 a half that sends more than the other one's library takes, and the other one with 1000", async () => {
  const relay = await startRelay();
  const [a, b] = await openPair(relay);

  a.send(Buffer.alloc(4_194_303));
  await eventually(() => expect(b.heard).toHaveLength(1));
  a.send(Buffer.alloc(4_194_304));

  expect(await a.closed()).toMatchObject({ code: 1009 });
  expect(await b.closed()).toEqual({ code: 1000, reason: "" });
});

it("shows the original's figures under its prefix, and adds them to the relay's own", async () => {
  const relay = await startRelay();
  const [a, b] = await openPair(relay);
  const waiting = await PlainClient.open(relay, "/relay/alone");
  a.send("12345");
  waiting.send("6");
  await b.hears("12345");
  await waiting.settled();

  const [health, stats, all] = await Promise.all(
    ["/pair/health", "/pair/stats", "/health"].map(async (path) => (await ask(relay, path, {})).body),
  );

  expect(health).toMatch(/^{"status":"ok","sessions":2,"timestamp":\d+(\.\d+)?}$/);
  expect(stats).toBe('{"total_sessions":2,"active_sessions":1,"total_bytes_relayed":6}');
  expect(JSON.parse(all ?? "")).toMatchObject({ status: "healthy", sessions: 2 });
  expect(JSON.parse((await ask(relay, "/stats", {})).body)).toMatchObject({ total_sessions: 2, active_sessions: 1 });
  expect((await ask(relay, "/pair/relay/x", {})).status).toBe(400);
  expect((await ask(relay, "/pair/relay/", {})).status).toBe(404);
});

it("closes both halves with 1012 on a planned stop", async () => {
  const relay = await startRelay({ drainTimeoutMs: 4000 });
  const [a, b] = await openPair(relay);
  a.send("hello");
  await b.hears("hello");

  await relay.stop();

  expect([await a.closed(), await b.closed()].map(({ code }) => code)).toEqual([1012, 1012]);
});

it("[PAIR-7] reads a half more slowly that sends above its rate, and loses nothing of it", async () => {
  const relay = await startRelay({ messagesPerSecondPerConnection: 50, rateBurstMs: 100 });
  const [a, b] = await openPair(relay);
  const startedAtMs = performance.now();

  for (let index = 0; index < 40; index += 1) a.send(`${index}`);

  await eventually(() => expect(b.heard).toHaveLength(40));
  expect(performance.now() - startedAtMs).toBeGreaterThan(500);
});
