import { once } from "node:events";
import { expect, it } from "vitest";
import { Client, openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";

it("[TOPIC-1] [TOPIC-7] tells every member of a newcomer, and the newcomer of every member, in join order", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "topic-1", "peer-a");
  const b = await openClassic(relay, "topic-1", "peer-b");

  const c = await openClassic(relay, "topic-1", "peer-c");

  expect(await c.take(2)).toEqual([
    { type: "peer-joined", peerId: "peer-a", topic: "topic-1" },
    { type: "peer-joined", peerId: "peer-b", topic: "topic-1" },
  ]);
  expect(await b.take(2)).toEqual([
    { type: "peer-joined", peerId: "peer-a", topic: "topic-1" },
    { type: "peer-joined", peerId: "peer-c", topic: "topic-1" },
  ]);
  expect(await a.take(2)).toEqual([
    { type: "peer-joined", peerId: "peer-b", topic: "topic-1" },
    { type: "peer-joined", peerId: "peer-c", topic: "topic-1" },
  ]);
});

it("[TOPIC-18] tells of a peer before it delivers what that peer sends, to who was there and to who comes", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await Client.open(relay);

  for (let count = 0; count < 50; count += 1) a.send({ type: "data", data: `${count}` });
  b.send({ type: "join", topic: "t", peerId: "b" });
  b.send({ type: "data", data: "at once" });
  for (let count = 0; count < 50; count += 1) a.send({ type: "data", data: `${count}` });

  expect(await b.next()).toEqual({ type: "peer-joined", peerId: "a", topic: "t" });
  expect(await a.take(2)).toEqual([
    { type: "peer-joined", peerId: "b", topic: "t" },
    { type: "data", peerId: "b", data: "at once" },
  ]);
});

it("[TOPIC-6] writes compact JSON with the keys in the original's order", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "topic-1", "peer-a");
  const b = await openClassic(relay, "topic-1", "peer-b");
  b.send({ type: "data", data: "SGVsbG8=", peerId: "forged", topic: "other", payload: { x: 1 } });
  b.send({ type: "join" });
  await b.take(2);

  await a.take(2);

  expect(a.texts).toEqual([
    '{"type":"peer-joined","peerId":"peer-b","topic":"topic-1"}',
    '{"type":"data","peerId":"peer-b","data":"SGVsbG8="}',
  ]);
  expect(b.texts[1]).toBe('{"type":"error","payload":"Topic is required for join"}');
});

it("[TOPIC-5] says nothing to a lone peer", async () => {
  const relay = await startRelay();

  const a = await openClassic(relay, "alone");

  await a.expectNothing();
});

it("[TOPIC-5] gives a peer without an id one in the original's form, and an empty or null id counts as none", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");

  await openClassic(relay, "t");
  await openClassic(relay, "t", "");
  const c = await Client.open(relay);
  c.send({ type: "join", topic: "t", peerId: null });

  for (const message of await a.take(3)) expect(message["peerId"]).toMatch(/^peer-\d{13}-[0-9a-z]{9}$/);
});

it("relays data to all others, in order, never back, and does not look into it", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await openClassic(relay, "t", "b");
  const c = await openClassic(relay, "t", "c");
  const sent = ["SGVsbG8=", "not base64 !!", 'quote " backslash \\ \u0000 é 🚪', "\ud800"];

  for (const data of sent) a.send({ type: "data", data });

  await b.take(2);
  await c.take(2);
  const expected = sent.map((data) => ({ type: "data", peerId: "a", data }));
  expect(await b.take(4)).toEqual(expected);
  expect(await c.take(4)).toEqual(expected);
  await a.take(2);
  await a.expectNothing();
});

it("[TOPIC-6] takes JSON in a binary frame and answers in text", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await Client.open(relay);
  b.send(Buffer.from('{"type":"join","topic":"t","peerId":"b"}'));
  b.send(Buffer.from('{"type":"data","data":"QmluYXJ5"}'));

  await a.take(2);

  expect(a.texts[1]).toBe('{"type":"data","peerId":"b","data":"QmluYXJ5"}');
});

it("answers a join without a topic with an error and lets the client try again", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await Client.open(relay);

  for (const topic of [undefined, "", null, 42, {}]) b.send({ type: "join", topic });
  b.send({ type: "data", data: "AA==" });
  b.send({ type: "join", topic: "t", peerId: "b" });

  expect(await b.take(6)).toEqual([
    ...Array.from({ length: 5 }, () => ({ type: "error", payload: "Topic is required for join" })),
    { type: "peer-joined", peerId: "a", topic: "t" },
  ]);
  expect(await a.next()).toEqual({ type: "peer-joined", peerId: "b", topic: "t" });
  await a.expectNothing();
});

it("[TOPIC-4] lets two connections use the same peerId and relays between them", async () => {
  const relay = await startRelay();
  const first = await openClassic(relay, "dup", "same");
  const second = await openClassic(relay, "dup", "same");
  await first.next();
  await second.next();

  first.send({ type: "data", data: "MQ==" });
  second.send({ type: "data", data: "Mg==" });

  expect(await second.next()).toEqual({ type: "data", peerId: "same", data: "MQ==" });
  expect(await first.next()).toEqual({ type: "data", peerId: "same", data: "Mg==" });
  first.socket.close();
  expect(await second.next()).toEqual({ type: "peer-left", peerId: "same", topic: "dup" });
});

it("[TOPIC-8] leaves the old topic on a second join: no ghost, no data from there, peer-left to the old peers", async () => {
  const relay = await startRelay();
  const old = await openClassic(relay, "t-old", "old");
  const mover = await openClassic(relay, "t-old", "mover");
  await old.next();
  await mover.next();

  mover.send({ type: "join", topic: "t-new", peerId: "moved" });
  await mover.settled();
  expect(await old.next()).toEqual({ type: "peer-left", peerId: "mover", topic: "t-old" });
  old.send({ type: "data", data: "Zw==" });
  await old.settled();

  await mover.expectNothing();
  const late = await openClassic(relay, "t-old", "late");
  expect(await late.next()).toEqual({ type: "peer-joined", peerId: "old", topic: "t-old" });
  await late.expectNothing();
  mover.socket.close();
  await eventually(() => expect(relay.figures()).toMatchObject({ topics: 1, peers: 2, connections: 2 }));
});

it("[TOPIC-9] takes a second join of the same topic as said once", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "self", "a");
  const b = await openClassic(relay, "self", "b");
  await a.next();
  await b.next();

  a.send({ type: "join", topic: "self", peerId: "a" });
  a.send({ type: "join", topic: "self" });
  a.send({ type: "data", data: "aQ==" });

  expect(await b.next()).toEqual({ type: "data", peerId: "a", data: "aQ==" });
  await a.expectNothing();
});

it("[TOPIC-9] announces a new name in the same topic as left and joined", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await openClassic(relay, "t", "b");
  await a.next();
  await b.next();

  a.send({ type: "join", topic: "t", peerId: "a2" });

  expect(await b.take(2)).toEqual([
    { type: "peer-left", peerId: "a", topic: "t" },
    { type: "peer-joined", peerId: "a2", topic: "t" },
  ]);
  await a.expectNothing();
});

it.each([
  ["an over-long topic", { type: "join", topic: "x".repeat(257) }],
  ["a topic that is over-long in bytes", { type: "join", topic: "é".repeat(129) }],
  ["a topic with a lone surrogate", '{"type":"join","topic":"\\ud800"}'],
  ["an over-long peerId", { type: "join", topic: "t", peerId: "x".repeat(129) }],
  ["a peerId that is no string", { type: "join", topic: "t", peerId: 9 }],
])("[TOPIC-10] refuses %s with an error and 1008", async (_, join) => {
  const relay = await startRelay();
  const client = await Client.open(relay);

  client.send(join);

  expect(await client.next()).toMatchObject({ type: "error" });
  expect(await client.closed()).toMatchObject({ code: 1008 });
  expect(relay.figures()).toMatchObject({ topics: 0, peers: 0 });
});

it("[TOPIC-10] takes names at their bound", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "é".repeat(128), "a");

  await openClassic(relay, "é".repeat(128), "ü".repeat(64));

  expect(await a.next()).toEqual({ type: "peer-joined", peerId: "ü".repeat(64), topic: "é".repeat(128) });
});

it("tells the others when a peer closes and when it is cut off, and an empty topic vanishes", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await openClassic(relay, "t", "b");
  const c = await openClassic(relay, "t", "c");
  await a.take(2);

  b.socket.close();
  expect(await a.next()).toEqual({ type: "peer-left", peerId: "b", topic: "t" });
  c.socket.terminate();
  expect(await a.next()).toEqual({ type: "peer-left", peerId: "c", topic: "t" });
  a.socket.close();

  await eventually(() => expect(relay.figures()).toMatchObject({ topics: 0, peers: 0, connections: 0 }));
});

it("answers a ping with a pong of the same bytes", async () => {
  const relay = await startRelay();
  const a = await Client.open(relay);

  a.socket.ping(Buffer.from([1, 2, 3]));

  expect(await once(a.socket, "pong")).toEqual([Buffer.from([1, 2, 3])]);
});

it("carries a frame of a mebibyte", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await openClassic(relay, "t", "b");
  const data = "A".repeat(1_048_576);
  await b.next();

  a.send({ type: "data", data });

  expect(await b.next()).toEqual({ type: "data", peerId: "a", data });
});

it("[TOPIC-2] takes any query, the /plures prefix, and a subprotocol it does not know", async () => {
  const relay = await startRelay();
  const a = await openClassic(relay, "t", "a");
  const b = await Client.open(relay, { path: "/plures/any?q=1", subprotocols: ["something.else", "other"] });

  b.send({ type: "join", topic: "t", peerId: "b" });

  expect(await a.next()).toMatchObject({ type: "peer-joined", peerId: "b" });
  expect(b.socket.protocol).toBe("something.else");
});
