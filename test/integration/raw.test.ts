import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { scopedTopicName } from "../../relay/session/topic-scope.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { ask } from "../support/ask.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { PlainClient, statusOfUpgrade } from "../support/plain-client.ts";
import { startRelay } from "../support/relay.ts";

const DATABASE = createHash("sha256").update("a database").digest("hex");
const PIPE = `/topic/${createHash("sha256").update("a name").digest("hex")}`;
const PUT = '{"#":"rust-1","put":{"user:alice":{"_":{"#":"user:alice",">":{"name":1795200876384.0}},"name":"Alice"}}}';
const GET = '{ "#" : "id", "get": {"#":"user:alice",".":"name"}, "more": [1, 2.50] }';
const ACK = '{"#":"id","@":"acked-id","err":null,"ok":1}';

it("carries what one sends to the others of an address as it is, text as text and binary as binary, and to no other address", async () => {
  const relay = await startRelay();
  const [a, b, c] = [
    await PlainClient.open(relay, PIPE),
    await PlainClient.open(relay, `${PIPE}?query=1`),
    await PlainClient.open(relay, PIPE),
  ];
  const other = await PlainClient.open(
    relay,
    PIPE.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
  );

  a.send("not json");
  a.send(Buffer.of(0, 255));
  a.send("");
  a.send(Buffer.alloc(0));
  b.send('{"type":"join","topic":"t"}');

  await c.hears("not json", "binary 00ff", "", "binary ", '{"type":"join","topic":"t"}');
  await a.hears('{"type":"join","topic":"t"}');
  await other.settled();
  expect(other.heard).toEqual([]);
  expect(relay.figures()).toMatchObject({ peers: 4, topics: 2 });
});

it.each([
  [
    "[GUN-1] with /gun and without it, also under the prefix",
    [`/gun/${DATABASE}`, `/${DATABASE}`, `/plures/${DATABASE}`],
  ],
  ["[GUN-1] at GUN.js's own address", ["/gun", "/gun", "/plures/gun"]],
  ["[GUN-1] under a topic that is no hash", ["/gun/my-topic", "/gun/my-topic", "/plures/gun/my-topic"]],
])("lets the clients of a database meet %s", async (_title, paths) => {
  const relay = await startRelay();
  const [a, b, c] = await Promise.all(paths.map((path) => PlainClient.open(relay, path)));

  a?.send(PUT);

  await Promise.all([b?.hears(PUT), c?.hears(PUT)]);
});

it.each([
  [`/topic/${"A".repeat(64)}`],
  [`/topic/${"a".repeat(63)}`],
  ["/topic/my-topic"],
  [`/gun/${"x".repeat(129)}`],
  ["/gun/a/b"],
  ["/gun/"],
  [`/${"a".repeat(65)}`],
])("has nothing at %s", async (path) => {
  const relay = await startRelay();

  expect(await statusOfUpgrade(relay, path)).toBe(404);
});

it("[GUN-2] passes messages on to the byte, whatever JavaScript would make of their numbers", async () => {
  const relay = await startRelay();
  const [a, b] = [await PlainClient.open(relay, `/${DATABASE}`), await PlainClient.open(relay, `/${DATABASE}`)];

  for (const message of [PUT, GET, ACK]) a.send(message);
  a.send(Buffer.from(PUT));

  await b.hears(PUT, GET, ACK, `binary ${Buffer.from(PUT).toString("hex")}`);
});

it("[GUN-3] drops what the clients cannot read without a word, and the sender stays", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const [a, b] = [await PlainClient.open(relay, `/${DATABASE}`), await PlainClient.open(relay, `/${DATABASE}`)];
  const bad = ["not json", "[]", `[${PUT}]`, "null", "{}", '{"dam":"hi","#":"x"}', Buffer.of(0xff)];

  for (const message of bad) a.send(message);
  a.send(ACK);

  await b.hears(ACK);
  await a.settled();
  expect(a.heard).toEqual([]);
  const metrics = (await askAsAdmin(relay, "/metrics")).body;
  expect(metrics).toContain(`relay_messages_rejected_total{code="bad-message"} ${bad.length}`);
  expect(metrics).toContain('relay_messages_received_total{dialect="raw",client="gun",encoding="verbatim"} 8');
  expect(metrics).toContain('relay_messages_sent_total{dialect="raw",client="gun",encoding="verbatim"} 1');
});

it("[GUN-4] says nothing of its own, whoever comes and goes", async () => {
  const relay = await startRelay();
  const a = await PlainClient.open(relay, "/gun");
  const b = await PlainClient.open(relay, "/gun");
  b.send(GET);
  await a.hears(GET);
  b.socket.close();
  await b.closed();
  await eventually(() => expect(relay.figures().peers).toBe(1));

  await a.settled();

  expect(a.heard).toEqual([GET]);
});

it("[GUN-5] forgets an address with its last member", async () => {
  const relay = await startRelay();
  const clients = [await PlainClient.open(relay, "/gun/a"), await PlainClient.open(relay, PIPE)];
  expect(relay.figures().topics).toBe(2);

  for (const { socket } of clients) socket.close();

  await eventually(() => expect(relay.figures()).toMatchObject({ topics: 0, peers: 0, connections: 0 }));
});

it("[GUN-7] takes a message of 4 MiB and closes with 1009 at one byte more, also where the relay takes more", async () => {
  const relay = await startRelay({ maxFrameBytes: 16_777_216 });
  const [a, b] = [await PlainClient.open(relay, PIPE), await PlainClient.open(relay, PIPE)];

  a.send(Buffer.alloc(4_194_304));
  await eventually(() => expect(b.heard[0]?.length).toBe("binary ".length + 2 * 4_194_304));
  a.send(Buffer.alloc(4_194_305));

  expect(await a.closed()).toMatchObject({ code: 1009 });
});

it("keeps its addresses apart from topics of the same name, whatever a client of those calls them", async () => {
  const relay = await startRelay();
  const raw = await PlainClient.open(relay, PIPE);
  const topic = await openClassic(relay, PIPE, "a");
  const other = await openClassic(relay, PIPE, "b");

  topic.send({ type: "data", data: "eA==" });
  raw.send("from the pipe");
  await raw.settled();
  const scoped = await openClassic(relay, scopedTopicName("raw", PIPE), "attacker");

  expect((await other.take(2)).map(({ type }) => type)).toEqual(["peer-joined", "data"]);
  expect(raw.heard).toEqual([]);
  expect((await scoped.next())["type"]).toBe("error");
  expect(relay.figures().topics).toBe(2);
});

it("takes the first subprotocol that is offered, and never a token", async () => {
  const relay = await startRelay();

  const client = await PlainClient.open(relay, PIPE, { subprotocols: ["postern.token.abc", "mine"] });

  expect(client.socket.protocol).toBe("mine");
});

it("has an address's name in no log", async () => {
  const relay = await startRelay({ accessLog: "all", logLevel: "trace" });
  const clients = [await PlainClient.open(relay, `/${DATABASE}`), await PlainClient.open(relay, PIPE)];
  for (const { socket } of clients) socket.close();
  await ask(relay, `/${DATABASE}`, {});
  await eventually(() => expect(relay.figures().connections).toBe(0));

  const log = JSON.stringify(relay.logLines());

  expect(log).toContain('"msg":"join"');
  expect(log).not.toContain(DATABASE);
  expect(log).not.toContain(PIPE.slice("/topic/".length));
});

it("[GUN-8] finds a client that is gone without a word, and frees its channel", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ sweepIntervalMs: 30_000 }, clock);
  const [gone, stays] = [await PlainClient.open(relay, "/gun/a"), await PlainClient.open(relay, "/gun/b")];
  await gone.settled();
  // Reading nothing, it sees no ping, and so sends no pong.
  gone.socket.pause();

  for (let index = 0; index < 20 && relay.figures().swept === 0; index += 1) {
    clock.advance(5000);
    await stays.settled();
  }

  await eventually(() => expect(relay.figures()).toMatchObject({ swept: 1, topics: 1 }));
});

it("reads a pipe more slowly that sends above its rate, and loses nothing of it", async () => {
  const relay = await startRelay({ messagesPerSecondPerConnection: 50, rateBurstMs: 100 });
  const [a, b] = [await PlainClient.open(relay, PIPE), await PlainClient.open(relay, PIPE)];
  const startedAtMs = performance.now();

  for (let index = 0; index < 40; index += 1) a.send(`${index}`);

  await eventually(() => expect(b.heard).toHaveLength(40));
  expect(performance.now() - startedAtMs).toBeGreaterThan(500);
});
