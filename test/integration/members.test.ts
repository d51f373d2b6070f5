import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { encodeBinaryClientData } from "../../protocol/v1-binary.ts";
import { Client, openClassic, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { encodeFrame, RawSocket } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const PAGE_BYTES = 16_384;
/** What Go's nhooyr and coder take by default. */
const SMALL_LIBRARY_BYTES = 32_768;
/** Of 72 bytes each in a list: 520 of them are more than such a library takes. */
const longName = (index: number) => `${index}`.padStart(44, "-");

/** So many members in a topic, each of which reads nothing. */
async function fill(relay: TestRelay, count: number): Promise<RawSocket[]> {
  const raws: RawSocket[] = [];
  while (raws.length < count) {
    const batch = Array.from({ length: Math.min(40, count - raws.length) }, async () =>
      RawSocket.openWebSocket(relay, "postern.v1"),
    );
    raws.push(...(await Promise.all(batch)));
  }
  for (const [index, raw] of raws.entries()) {
    raw.pause();
    raw.send({ type: "join", topic: "t", peerId: longName(index) });
  }
  await eventually(() => expect(relay.figures().peers).toBe(count));
  return raws;
}

/** A client whose library takes no message above a size. */
async function openSmall(relay: TestRelay, maxPayload: number): Promise<Client> {
  const socket = new WebSocket(relay.url, ["postern.v1"], { maxPayload });
  onTestFinished(() => socket.terminate());
  const client = new Client(socket);
  await once(socket, "open");
  return client;
}

async function pagesAfter(client: Client, first: Received): Promise<number[]> {
  const handles = handlesOf(first);
  for (let page = first; page["more"] === true; ) {
    client.send({ type: "members", topic: "t", after: handles.at(-1) ?? 0, ref: 1 });
    do page = await client.next();
    while (page["type"] !== "members");
    handles.push(...handlesOf(page));
  }
  return handles;
}

function handlesOf(message: Received): number[] {
  return (message["members"] as { peerHandle: number }[]).map(({ peerHandle }) => peerHandle);
}

it("lets a client whose library takes 32 KiB join 520 members, and learn them page by page while others come and go", async () => {
  const relay = await startRelay({ tls: "off" });
  const raws = await fill(relay, 520);
  const client = await openSmall(relay, SMALL_LIBRARY_BYTES);
  client.send({ type: "join", topic: "t", peerId: "small" });

  const joined = await client.next();
  // The one with the last name may have any of the handles: it leaves before its page is asked for, or after it was told.
  raws[519]?.send({ type: "leave", topic: "t" });
  const [late] = await openV1(relay, "t", "late");
  const handles = await pagesAfter(client, joined);

  expect(joined).toMatchObject({ memberCount: 521, more: true });
  const events = client.texts.map((text) => JSON.parse(text) as Received);
  const gone = events.filter(({ type }) => type === "peer-left").map(({ peerHandle }) => peerHandle);
  expect(gone).toHaveLength(1);
  const stayed = (handle: number) => handle <= 520 && !gone.includes(handle);
  expect(handles.filter(stayed)).toEqual(Array.from({ length: 520 }, (_, index) => index + 1).filter(stayed));
  expect(handles).toEqual(handles.toSorted((a, b) => a - b));
  expect(events.filter(({ type }) => type === "peer-joined")).toMatchObject([{ peerHandle: 522 }]);
  for (const text of client.texts) expect(text.length).toBeLessThan(PAGE_BYTES + 4096);
  await late.settled();
});

it.each([
  [0, 0],
  [5, 5],
  [1_000_000, 60],
])("tells at most %i members to who asks for so many, and there is no more", async (maxMembers, count) => {
  const relay = await startRelay({ tls: "off" });
  await fill(relay, 60);
  const client = await Client.openV1(relay);

  client.send({ type: "join", topic: "t", peerId: "one", maxMembers });
  const joined = await client.next();

  expect(handlesOf(joined)).toHaveLength(count);
  expect(new Set(handlesOf(joined)).size).toBe(count);
  expect(handlesOf(joined)).not.toContain(61);
  expect(joined).toMatchObject({ memberCount: 61, more: false });
});

it("answers a join that is repeated without members, and says that there are some", async () => {
  const relay = await startRelay();
  const [a] = await openV1(relay, "t", "a");
  a.send({ type: "join", topic: "t" });
  expect(await a.next()).toMatchObject({ type: "joined", members: [], more: false, memberCount: 1 });
  await openV1(relay, "t", "b");
  await a.next();

  a.send({ type: "join", topic: "t", peerId: "a" });

  expect(await a.next()).toMatchObject({ type: "joined", members: [], more: true, memberCount: 2 });
  a.send({ type: "members", topic: "t", after: 0 });
  expect(await a.next()).toMatchObject({ type: "members", members: [{ peerId: "b", peerHandle: 2 }], more: false });
});

it("asks for members of no topic but one's own", async () => {
  const relay = await startRelay();
  await openV1(relay, "t", "a");
  const other = await Client.openV1(relay);

  other.send({ type: "members", topic: "t", after: 0, ref: 3 });

  expect(await other.next()).toMatchObject({ type: "error", code: "not-joined", ref: 3 });
});

it("answers 84 KB of repeated joins in a topic of 100 with no more than ten times as much, and slows them", async () => {
  const relay = await startRelay({ tls: "off" });
  await fill(relay, 100);
  const raw = await RawSocket.openWebSocket(relay, "postern.v1");
  const join = encodeFrame({ payload: '{"type":"join","topic":"t","peerId":"me"}' });
  const joins = Buffer.concat(Array.from({ length: Math.ceil(84_000 / join.length) }, () => join));
  const [other] = await openV1(relay, "t2", "other");

  raw.write(joins);
  await eventually(() => expect(raw.frames().length).toBeGreaterThan(299));
  await other.settled();

  expect(raw.bytes().length).toBeLessThan(10 * joins.length);
  // 300 at once and 20 a second: of 1,800, most wait.
  expect(raw.frames().length).toBeLessThan(1000);
  expect(relay.figures().outboxesFull).toBe(0);
});

it("takes 20 of a loop of join and leave a second, beyond the first 300", async () => {
  const relay = await startRelay({ tls: "off" });
  const [witness] = await openV1(relay, "t", "witness");
  const raw = await RawSocket.openWebSocket(relay, "postern.v1");
  const began = performance.now();

  for (let round = 0; round < 500; round += 1) {
    raw.send({ type: "join", topic: "t", peerId: "me" });
    raw.send({ type: "leave", topic: "t" });
  }
  await eventually(() => expect(witness.texts.length).toBeGreaterThan(310));

  const seconds = (performance.now() - began) / 1000;
  expect(witness.texts.length).toBeLessThan(300 + 20 * (seconds + 2));
});

it("refuses a payload that would not reach every member, whoever is there, and delivers none larger than what is taken", async () => {
  const relay = await startRelay({ tls: "off" });
  const taken = 4_194_304;
  const small = await openSmall(relay, taken);
  small.send({ type: "join", topic: "t", peerId: "json" });
  await small.next();
  const [sender, joined] = await openV1(relay, "t", "sender");
  await small.next();
  const { maxPayloadBytes } = joined["limits"] as { maxPayloadBytes: number };
  const topicHandle = joined["topicHandle"] as number;
  const binary = (byteCount: number) =>
    encodeBinaryClientData({ topicHandle, to: undefined, payload: new Uint8Array(byteCount) });

  sender.send(binary(3_500_000));
  sender.send({ type: "data", topic: "t", data: "!".repeat(maxPayloadBytes + 1), ref: 1 });
  sender.send({ type: "data", topic: "t", data: "!".repeat(maxPayloadBytes + 1), ref: 2 });
  sender.send({
    type: "data",
    topic: "t",
    to: [1],
    data: Buffer.alloc(maxPayloadBytes + 1).toString("base64"),
    ref: 3,
  });
  expect(await sender.take(4)).toMatchObject([
    { type: "error", code: "payload-too-large" },
    { type: "error", code: "payload-too-large", ref: 1 },
    { type: "error", code: "payload-too-large", ref: 2 },
    { type: "error", code: "payload-too-large", ref: 3 },
  ]);
  sender.send(binary(maxPayloadBytes));
  sender.send({ type: "data", topic: "t", data: Buffer.alloc(maxPayloadBytes).toString("base64") });
  sender.send({ type: "data", topic: "t", data: "!".repeat(maxPayloadBytes) });

  for (const length of [Math.ceil(maxPayloadBytes / 3) * 4, Math.ceil(maxPayloadBytes / 3) * 4, maxPayloadBytes]) {
    expect(String((await small.next())["data"]).length).toBe(length);
  }
  await small.settled();
  expect(Math.max(...small.texts.map((text) => Buffer.byteLength(text)))).toBeLessThanOrEqual(taken);
});

it("[TOPIC-12] closes a classic client with 1009 that sends more than reaches every member", async () => {
  const relay = await startRelay({ tls: "off", maxFrameBytes: 65_536 });
  const reader = await openClassic(relay, "t", "reader");
  const classic = await openClassic(relay, "t", "classic");
  await reader.next();

  classic.send({ type: "data", data: "!".repeat(47_000) });

  expect(await classic.closed()).toEqual({ code: 1009, reason: "payload too large" });
  expect(await reader.next()).toMatchObject({ type: "peer-left" });
});

it("tells a member with a maximum of its own what it did not get, in its place; the rest get it", async () => {
  const relay = await startRelay({ tls: "off" });
  const small = await openSmall(relay, SMALL_LIBRARY_BYTES);
  small.send({ type: "join", topic: "t", peerId: "small", maxPayloadBytes: 20_000 });
  await small.next();
  const nothing = await Client.openV1(relay);
  nothing.send({ type: "join", topic: "t", peerId: "nothing", maxPayloadBytes: 0 });
  await nothing.next();
  const [sender, joined] = await openV1(relay, "t", "sender");
  const classic = await openClassic(relay, "t", "classic");
  await Promise.all([small.take(3), nothing.take(2), classic.take(3)]);

  for (const length of [10, 20_001, 12]) sender.send({ type: "data", topic: "t", data: "!".repeat(length) });

  const { peerHandle } = joined;
  expect(await small.take(3)).toMatchObject([
    { type: "data", data: "!!!!!!!!!!" },
    { type: "error", code: "omitted", topic: "t", peerHandle, sizeBytes: 20_001, count: 1 },
    { type: "data", data: "!!!!!!!!!!!!" },
  ]);
  expect((await nothing.take(3)).map(({ code }) => code)).toEqual(["omitted", "omitted", "omitted"]);
  expect((await classic.take(3)).map(({ data }) => String(data).length)).toEqual([10, 20_001, 12]);
  small.send({ type: "join", topic: "t" });
  await small.next();
  sender.send({ type: "data", topic: "t", data: "!".repeat(20_001) });
  expect(await small.next()).toMatchObject({ type: "data" });
});

it("counts a client's own 1009 under a reason of its own", async () => {
  const relay = await startRelay({ tls: "off", accessLog: "all" });
  const small = await openSmall(relay, 1000);
  small.send({ type: "join", topic: "t", peerId: "small" });
  await small.next();
  const [sender] = await openV1(relay, "t", "sender");

  sender.send({ type: "data", topic: "t", data: "x".repeat(2000) });
  await small.closed().catch(() => undefined);

  await eventually(() =>
    expect(relay.logLines().filter(({ msg }) => msg === "close")).toMatchObject([
      { reason: "message-too-big-for-client" },
    ]),
  );
});

it("delivers a list as addressed data, in JSON and in binary, to each once", async () => {
  const relay = await startRelay();
  const [sender, joined] = await openV1(relay, "t", "sender");
  const [json] = await openV1(relay, "t", "json");
  const binary = await Client.openV1(relay);
  binary.send({ type: "join", topic: "t", peerId: "binary", encoding: "binary" });
  await binary.next();
  const classic = await openClassic(relay, "t", "classic");
  const [outside] = await openV1(relay, "t", "outside");
  await Promise.all([sender.take(4), json.take(3), binary.take(2), classic.take(4)]);

  sender.send({ type: "data", topic: "t", to: [4, 2, 3, 2, 1, 99], data: "QUJD", ref: 1 });
  const topicHandle = joined["topicHandle"] as number;
  sender.send(encodeBinaryClientData({ topicHandle, to: [2, 3, 4], payload: Buffer.from("ABC") }));
  sender.send({ type: "data", topic: "t", to: [1, 99], data: "QUJD", ref: 2 });

  const addressed = { type: "data", topic: "t", peerId: "sender", peerHandle: 1, to: 2, data: "QUJD" };
  expect(await json.take(2)).toEqual([addressed, addressed]);
  expect(await classic.take(2)).toMatchObject([{ data: "QUJD" }, { data: "QUJD" }]);
  expect(await sender.next()).toMatchObject({ type: "error", code: "no-such-peer", ref: 2 });
  await eventually(() => expect(binary.texts.filter((text) => text.startsWith("binary 01010000"))).toHaveLength(2));
  await outside.expectNothing();
});

it("counts a list towards its sender's rate as so many single messages", async () => {
  const rates = { messagesPerSecondPerConnection: 100, messageBurstPerConnection: 200 };
  const relay = await startRelay({ tls: "off", ...rates });
  const [sender] = await openV1(relay, "t", "sender");
  const readers: Client[] = [];
  for (let index = 0; index < 10; index += 1) readers.push((await openV1(relay, "t", `${index}`))[0]);
  const to = readers.map((_, index) => index + 2);
  await sender.take(10);
  const began = performance.now();

  for (let count = 0; count < 40; count += 1) sender.send({ type: "data", topic: "t", to, data: "x" });
  await sender.settled();

  // 400 messages and the rest of the pings: 200 at once, then 100 a second.
  expect(performance.now() - began).toBeGreaterThan(1500);
});
