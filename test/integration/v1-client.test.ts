import { expect, it } from "vitest";
import { encodeDataHeader } from "../../protocol/v1-binary.ts";
import { Client, openClassic, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

it("answers a join with the own name, the members before it in join order, and the limits", async () => {
  const relay = await startRelay();
  await openClassic(relay, "t", "classic");
  const [, first] = await openV1(relay, "t", "a");

  const [client] = await openV1(relay, "t");

  expect(first).toEqual({
    type: "joined",
    topic: "t",
    topicHandle: 1,
    peerId: "a",
    peerHandle: 2,
    members: [{ peerId: "classic", peerHandle: 1 }],
    limits: { maxFrameBytes: 4_194_304, maxTopicsPerConnection: 100, maxPayloadBytes: 3_143_424 },
    memberCount: 2,
    more: false,
    takeover: expect.stringMatching(/^2\.[\w-]{22}$/),
    pingIntervalMs: 25_000,
    features: ["congestion", "lists", "ping", "presence", "takeover", "polling"],
  });
  expect(JSON.parse(client.texts[0] ?? "")).toMatchObject({
    peerId: expect.stringMatching(/^peer-\d{13}-[0-9a-z]{9}$/),
    peerHandle: 3,
    members: [
      { peerId: "classic", peerHandle: 1 },
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

it("shares topics with classic clients: each gets its own form of the same message", async () => {
  const relay = await startRelay();
  const classic = await openClassic(relay, "t", "s");
  const [v1] = await openV1(relay, "t", "v");

  classic.send({ type: "data", data: "c2VlZA==" });
  v1.send({ type: "data", topic: "t", data: "djE=" });

  expect(await v1.next()).toEqual({ type: "data", topic: "t", peerId: "s", peerHandle: 1, data: "c2VlZA==" });
  expect(await classic.take(2)).toEqual([
    { type: "peer-joined", peerId: "v", topic: "t" },
    { type: "data", peerId: "v", data: "djE=" },
  ]);
  v1.send({ type: "leave", topic: "t" });
  expect(await classic.next()).toEqual({ type: "peer-left", peerId: "v", topic: "t" });
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
  const classic = await openClassic(relay, "t", "s");
  await a.take(2);
  await b.next();
  await classic.take(2);

  a.send({ type: "data", topic: "t", to: 2, data: "Yg==" });
  a.send({ type: "data", topic: "t", to: 3, data: "cw==" });

  expect(await b.next()).toEqual({ type: "data", topic: "t", peerId: "a", peerHandle: 1, to: 2, data: "Yg==" });
  expect(await classic.next()).toEqual({ type: "data", peerId: "a", data: "cw==" });
  await b.expectNothing();
  await classic.expectNothing();
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
  await openClassic(relay, "t", "s");
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
  const classic = await openClassic(relay, "other");

  const stopped = relay.stop();

  expect(await v1.next()).toEqual({ type: "restarting", reconnectWithinMs: 10, closesInMs: 0 });
  expect(await v1.closed()).toEqual({ code: 1012, reason: "the relay restarts" });
  expect(await classic.closed()).toMatchObject({ code: 1012 });
  expect(classic.texts).toEqual([]);
  await stopped;
});

it("carries binary data with a header of 12 bytes, to binary members as it is and to JSON members as base64", async () => {
  const relay = await startRelay();
  const [a, joined] = await openBinary(relay, "t", "a");
  const [b] = await openBinary(relay, "t", "b");
  const [v1] = await openV1(relay, "t", "v");
  const classic = await openClassic(relay, "t", "s");
  await a.take(3);
  await b.take(2);
  await v1.next();
  await classic.take(3);

  a.send(Buffer.concat([encodeDataHeader(Number(joined["topicHandle"]), 0, { isAddressed: false }), PAYLOAD]));

  await eventually(() => expect(b.texts.at(-1)).toBe(`binary 010000000000000100000001${PAYLOAD.toString("hex")}`));
  const data = PAYLOAD.toString("base64");
  expect(await v1.next()).toEqual({ type: "data", topic: "t", peerId: "a", peerHandle: 1, data });
  expect(await classic.next()).toEqual({ type: "data", peerId: "a", data });
});

it("gives binary members the bytes of base64, and text that is none of any bytes as text", async () => {
  const relay = await startRelay();
  const [b] = await openBinary(relay, "t", "b");
  const classic = await openClassic(relay, "t", "s");
  await b.next();

  for (const data of [PAYLOAD.toString("base64"), "not base64 !!", "QQ", "QR==", "-_-_"])
    classic.send({ type: "data", data });

  await eventually(() => expect(b.texts).toHaveLength(7));
  expect(b.texts.slice(2)).toEqual([
    `binary 010000000000000100000002${PAYLOAD.toString("hex")}`,
    ...["not base64 !!", "QQ", "QR==", "-_-_"].map((data) =>
      JSON.stringify({ type: "data", topic: "t", peerId: "s", peerHandle: 2, data }),
    ),
  ]);
});

it("sends binary data to one member, marked as addressed, and answers what it cannot send with a code", async () => {
  const relay = await startRelay();
  const [a] = await openBinary(relay, "t", "a");
  const [b] = await openBinary(relay, "t", "b");
  const [c] = await openBinary(relay, "t", "c");
  await a.take(2);
  await b.next();

  a.send(Buffer.concat([encodeDataHeader(1, 2, { isAddressed: true }), PAYLOAD]));
  a.send(Buffer.concat([encodeDataHeader(1, 99, { isAddressed: true }), PAYLOAD]));
  a.send(Buffer.concat([encodeDataHeader(99, 0, { isAddressed: false }), PAYLOAD]));

  expect((await a.take(2)).map(({ code }) => code)).toEqual(["no-such-peer", "not-joined"]);
  await eventually(() => expect(b.texts.at(-1)).toBe(`binary 010100000000000100000001${PAYLOAD.toString("hex")}`));
  await c.expectNothing();
});

it("refuses an encoding that there is not, and takes another one in a repeated join", async () => {
  const relay = await startRelay();
  const client = await Client.openV1(relay);
  client.send({ type: "join", topic: "t", encoding: "xml" });
  client.send({ type: "join", topic: "t", encoding: "json" });
  client.send({ type: "join", topic: "t", encoding: "binary" });
  const classic = await openClassic(relay, "t", "s");
  expect((await client.take(4)).map(({ type, code }) => code ?? type)).toEqual([
    "encoding-invalid",
    "joined",
    "joined",
    "peer-joined",
  ]);

  classic.send({ type: "data", data: "AA==" });

  await eventually(() => expect(client.texts.at(-1)).toMatch(/^binary 01.*00$/));
});

const PAYLOAD = Buffer.from([0, 1, 0xfe, 0xff, 0x22, 0x5c, 0x0a]);

async function openBinary(relay: TestRelay, topic: string, peerId: string): Promise<[Client, Received]> {
  const client = await Client.openV1(relay);
  client.send({ type: "join", topic, peerId, encoding: "binary" });
  return [client, await client.next()];
}
