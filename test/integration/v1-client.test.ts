import { expect, it } from "vitest";
import { Client, openSeed, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";

it("answers a join with the own name, the members before it in join order, and the limits", async () => {
  const relay = await startRelay();
  await openSeed(relay, "t", "seed");
  const [, first] = await openV1(relay, "t", "a");

  const [client] = await openV1(relay, "t");

  expect(first).toEqual({
    type: "joined",
    topic: "t",
    peerId: "a",
    peerHandle: 2,
    members: [{ peerId: "seed", peerHandle: 1 }],
    limits: { maxFrameBytes: 4_194_304, maxTopicsPerConnection: 100 },
  });
  expect(JSON.parse(client.texts[0] ?? "")).toMatchObject({
    peerId: expect.stringMatching(/^peer-\d{13}-[0-9a-z]{9}$/),
    peerHandle: 3,
    members: [
      { peerId: "seed", peerHandle: 1 },
      { peerId: "a", peerHandle: 2 },
    ],
  });
});

it("repeats the client's ref in the answer to a join, to a leave and in an error", async () => {
  const relay = await startRelay();
  const client = await Client.openV1(relay);

  client.send({ type: "join", topic: "t", peerId: "a", ref: 7 });
  client.send({ type: "data", topic: "elsewhere", data: "AA==", ref: 4_294_967_295 });
  client.send({ type: "leave", topic: "t", ref: 0 });

  expect(await client.take(3)).toEqual([
    expect.objectContaining({ type: "joined", ref: 7 }),
    { type: "error", code: "not-joined", payload: "Join the topic first", ref: 4_294_967_295 },
    { type: "peer-left", topic: "t", peerId: "a", peerHandle: 1, ref: 0 },
  ]);
});

it("shares topics with seed clients: each gets its own form of the same message", async () => {
  const relay = await startRelay();
  const seed = await openSeed(relay, "t", "s");
  const [v1] = await openV1(relay, "t", "v");

  seed.send({ type: "data", data: "c2VlZA==" });
  v1.send({ type: "data", topic: "t", data: "djE=" });

  expect(await v1.next()).toEqual({ type: "data", topic: "t", peerId: "s", peerHandle: 1, data: "c2VlZA==" });
  expect(await seed.take(2)).toEqual([
    { type: "peer-joined", peerId: "v", topic: "t" },
    { type: "data", peerId: "v", data: "djE=" },
  ]);
  v1.send({ type: "leave", topic: "t" });
  expect(await seed.next()).toEqual({ type: "peer-left", peerId: "v", topic: "t" });
});

it("keeps several topics of one connection apart", async () => {
  const relay = await startRelay();
  const [a] = await openV1(relay, "one", "a");
  a.send({ type: "join", topic: "two", peerId: "a2" });
  await a.next();
  const [b] = await openV1(relay, "one", "b");
  const [c] = await openV1(relay, "two", "c");
  await a.take(2);

  a.send({ type: "data", topic: "one", data: "MQ==" });
  a.send({ type: "data", topic: "two", data: "Mg==" });

  expect(await b.next()).toMatchObject({ topic: "one", peerId: "a", data: "MQ==" });
  expect(await c.next()).toMatchObject({ topic: "two", peerId: "a2", data: "Mg==" });
  await b.expectNothing();
  await c.expectNothing();
});

it("sends data with an addressee to that member alone", async () => {
  const relay = await startRelay();
  const [a] = await openV1(relay, "t", "a");
  const [b] = await openV1(relay, "t", "b");
  const seed = await openSeed(relay, "t", "s");
  await a.take(2);
  await b.next();
  await seed.take(2);

  a.send({ type: "data", topic: "t", to: 2, data: "Yg==" });
  a.send({ type: "data", topic: "t", to: 3, data: "cw==" });

  expect(await b.next()).toEqual({ type: "data", topic: "t", peerId: "a", peerHandle: 1, to: 2, data: "Yg==" });
  expect(await seed.next()).toEqual({ type: "data", peerId: "a", data: "cw==" });
  await b.expectNothing();
  await seed.expectNothing();
});

it.each(["offer", "answer", "candidate"])("carries %s to one member, its payload as it is", async (type) => {
  const relay = await startRelay();
  const [a] = await openV1(relay, "t", "a");
  const [b] = await openV1(relay, "t", "b");

  a.send({ type, topic: "t", to: 2, payload: '{"sdp":1.0}' });

  expect(await b.next()).toEqual({
    type,
    topic: "t",
    peerId: "a",
    peerHandle: 1,
    to: 2,
    payload: '{"sdp":1.0}',
  });
});

it("refuses what no member can take, with a code, and goes on", async () => {
  const relay = await startRelay();
  await openSeed(relay, "t", "s");
  const [a] = await openV1(relay, "t", "a");

  a.send({ type: "offer", topic: "t", to: 1, payload: "x" });
  a.send({ type: "offer", topic: "t", to: 99, payload: "x" });
  a.send({ type: "data", topic: "t", to: 99, data: "x" });
  a.send({ type: "data", topic: "t", to: 2, data: "to myself" });
  a.send({ type: "offer", topic: "t", to: 2, payload: "to myself" });

  const codes = (await a.take(5)).map(({ code }) => code);
  expect(codes).toEqual(["peer-cannot-signal", "no-such-peer", "no-such-peer", "no-such-peer", "no-such-peer"]);
});

it("does not hand a peer id that is taken to a v1 client, nor evict its owner", async () => {
  const relay = await startRelay();
  const [owner] = await openV1(relay, "t", "same");
  const late = await Client.openV1(relay);

  late.send({ type: "join", topic: "t", peerId: "same" });

  expect(await late.next()).toMatchObject({ type: "error", code: "peer-id-taken" });
  await owner.expectNothing();
  owner.socket.close();
  await eventually(() => expect(relay.figures().peers).toBe(0));
  late.send({ type: "join", topic: "t", peerId: "same" });
  expect(await late.next()).toMatchObject({ type: "joined", peerId: "same" });
});

it("answers a repeated join with the same membership, and a new name as left and joined", async () => {
  const relay = await startRelay();
  const [a] = await openV1(relay, "t", "a");
  const [b] = await openV1(relay, "t", "b");
  await a.next();

  a.send({ type: "join", topic: "t" });
  a.send({ type: "join", topic: "t", peerId: "a2" });

  const [repeated, renamed] = await a.take(2);
  expect(repeated).toMatchObject({ type: "joined", peerId: "a", peerHandle: 1 });
  expect(renamed).toMatchObject({ type: "joined", peerId: "a2", peerHandle: 3 });
  expect(await b.take(2)).toEqual([
    { type: "peer-left", topic: "t", peerId: "a", peerHandle: 1 },
    { type: "peer-joined", topic: "t", peerId: "a2", peerHandle: 3 },
  ]);
});

it("refuses one topic more than a connection may join, and takes it again after a leave", async () => {
  const relay = await startRelay({ maxTopicsPerConnection: 2 });
  const [a] = await openV1(relay, "one");
  a.send({ type: "join", topic: "two" });
  a.send({ type: "join", topic: "three" });
  a.send({ type: "leave", topic: "one" });
  a.send({ type: "join", topic: "three" });

  const types = (await a.take(4)).map(({ type, code }) => code ?? type);

  expect(types).toEqual(["joined", "too-many-topics", "peer-left", "joined"]);
  expect(relay.figures()).toMatchObject({ topics: 2, peers: 1 });
});

it("announces a restart to v1 clients alone, then closes every connection with 1012", async () => {
  const relay = await startRelay();
  const [v1] = await openV1(relay, "t");
  const seed = await openSeed(relay, "other");

  const stopped = relay.stop();

  expect(await v1.next()).toEqual({ type: "restarting", reconnectWithinMs: 5000 });
  expect(await v1.closed()).toEqual({ code: 1012, reason: "the relay restarts" });
  expect(await seed.closed()).toMatchObject({ code: 1012 });
  expect(seed.texts).toEqual([]);
  await stopped;
});
