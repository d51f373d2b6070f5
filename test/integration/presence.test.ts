import { expect, it } from "vitest";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { Client, openClassic, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { TestLine, Way } from "../support/line-scene.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

const CHANGE_COUNT = 10_000;
const PAGE_BYTES = 16_384;
/** Nobody is judged while these tests look. */
const PATIENT = { stalledReaderTimeoutMs: 120_000, slowReaderTimeoutMs: 120_000, sweepIntervalMs: 120_000 };
/** Less than what is held of a sender that is read, and several of them are more than an outbox takes. */
const DATA = Buffer.alloc(100_000, "x").toString("base64");

const messagesOf = ({ texts }: Client) =>
  texts.filter((text) => text.startsWith("{")).map((text) => JSON.parse(text) as Received);
const presencesOf = (client: Client) =>
  messagesOf(client)
    .filter(({ type }) => type === "presence")
    .map(({ presence }) => presence);

/** Joins with a presence. */
async function openShowing(relay: TestRelay, peerId: string, presence: string): Promise<Client> {
  const client = await Client.openV1(relay);
  client.send({ type: "join", topic: "t", peerId, presence });
  await client.next();
  return client;
}

async function heldBytes(relay: TestRelay): Promise<number> {
  const { body } = await askAsAdmin(relay, "/metrics");
  return Number(/^relay_held_bytes (\d+)$/m.exec(body)?.[1]);
}

function change(client: Client): void {
  for (let count = 1; count <= CHANGE_COUNT; count += 1) {
    client.send({ type: "presence", topic: "t", presence: `${count}` });
  }
}

it("keeps nothing of 10,000 changes for a member that reads nothing, which gets the last one in the end", async () => {
  const relay = await startRelay({ ...PATIENT, adminToken: ADMIN_TOKEN });
  const [stalled, { peerHandle }] = await openV1(relay, "t", "stalled");
  const [flooder] = await openV1(relay, "t", "flooder");
  const [sender] = await openV1(relay, "t", "sender");
  stalled.socket.pause();
  while (!messagesOf(sender).some(({ type }) => type === "congested")) {
    sender.send({ type: "data", topic: "t", to: peerHandle, data: DATA });
    await sender.settled();
  }
  const heldBefore = await heldBytes(relay);

  change(flooder);
  await flooder.settled();

  expect(heldBefore).toBeGreaterThan(0);
  expect(await heldBytes(relay)).toBe(heldBefore);
  expect(relay.figures()).toMatchObject({ pauses: 0, peers: 3 });
  stalled.socket.resume();
  await eventually(() => expect(presencesOf(stalled).at(-1)).toBe(`${CHANGE_COUNT}`));
  // One that was on its way before there was no room, and one for each round of what it is owed.
  expect(presencesOf(stalled).length).toBeLessThan(10);
  expect(await heldBytes(relay)).toBe(0);
  expect(relay.figures().outboxesFull).toBe(0);
});

it("tells a member that reads few of 10,000 changes, in their order, with the last one", async () => {
  const relay = await startRelay();
  const [reader] = await openV1(relay, "t", "reader");
  const [flooder] = await openV1(relay, "t", "flooder");

  change(flooder);

  await eventually(() => expect(presencesOf(reader).at(-1)).toBe(`${CHANGE_COUNT}`));
  const numbers = presencesOf(reader).map(Number);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(numbers.length).toBeLessThan(CHANGE_COUNT / 10);
});

it("shows nothing of a member behind its leave, its close or its end", async () => {
  const relay = await startRelay();
  const [reader] = await openV1(relay, "t", "reader");
  const [leaver] = await openV1(relay, "t", "leaver");
  const [closer] = await openV1(relay, "t", "closer");
  const [cut] = await openV1(relay, "t", "cut");
  const late = { type: "presence", topic: "t", presence: "late", ref: 9 };

  for (const client of [leaver, closer, cut]) client.send(late);
  leaver.send({ type: "leave", topic: "t", ref: 1 });
  leaver.send(late);
  closer.socket.close();
  await cut.settled();
  cut.socket.terminate();

  await eventually(() => expect(relay.figures().peers).toBe(1));
  await eventually(() => expect(messagesOf(leaver).at(-1)).toMatchObject({ code: "not-joined", ref: 9 }));
  await reader.settled();
  for (const name of ["leaver", "closer", "cut"]) {
    const types = messagesOf(reader)
      .filter(({ peerId }) => peerId === name)
      .map(({ type }) => type);
    expect(types.at(-1)).toBe("peer-left");
  }
});

it("shows what a member says as its own, whomever it names", async () => {
  const relay = await startRelay();
  const [victim] = await openV1(relay, "t", "victim");
  const [liar] = await openV1(relay, "t", "liar");
  const [reader] = await openV1(relay, "t", "reader");

  liar.send({ type: "presence", topic: "t", peerId: "victim", peerHandle: 1, presence: "forged" });
  liar.send({ type: "join", topic: "t", peerId: "victim", presence: "forged", ref: 1 });

  expect(await reader.next()).toMatchObject({ type: "presence", peerId: "liar", peerHandle: 2, presence: "forged" });
  await eventually(() => expect(messagesOf(liar).at(-1)).toMatchObject({ code: "peer-id-taken" }));
  const late = await openShowing(relay, "late", "");
  expect(messagesOf(late)[0]?.["members"]).toMatchObject([{ peerId: "victim" }, { presence: "forged" }, {}]);
  await victim.settled();
  expect(presencesOf(victim)).toEqual(["forged"]);
});

it("tells classic members nothing of it", async () => {
  const relay = await startRelay();
  const classic = await openClassic(relay, "t", "classic");
  const a = await openShowing(relay, "a", "secret");
  const later = await openClassic(relay, "t", "later");

  a.send({ type: "presence", topic: "t", presence: "secret too" });
  await a.settled();
  await Promise.all([classic.settled(), later.settled()]);

  expect(later.texts).toEqual([
    '{"type":"peer-joined","peerId":"classic","topic":"t"}',
    '{"type":"peer-joined","peerId":"a","topic":"t"}',
  ]);
  expect([...classic.texts, ...later.texts].filter((text) => /secret|presence/.test(text))).toEqual([]);
});

it("tells in pages of 16 KiB what all show, though each character takes six bytes", async () => {
  const relay = await startRelay();
  const shown = "\u0001".repeat(1024);
  for (let index = 0; index < 12; index += 1) await openShowing(relay, `${index}`, shown);
  const reader = await Client.openV1(relay);
  reader.send({ type: "join", topic: "t", peerId: "reader" });
  const members: { peerHandle: number; presence?: string }[] = [];

  for (let page = await reader.next(); ; page = await reader.next()) {
    const part = page["members"] as typeof members;
    expect(part.length).toBeGreaterThan(0);
    expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThanOrEqual(PAGE_BYTES);
    members.push(...part);
    if (page["more"] !== true) break;
    reader.send({ type: "members", topic: "t", after: members.at(-1)?.peerHandle });
  }

  expect(members.map(({ presence }) => presence)).toEqual(Array.from({ length: 12 }, () => shown));
});

it("is for who may publish: in a join, in a join that is repeated, and alone", async () => {
  const relay = await startRelay(await tokenOptions());
  const reader = await Client.open(relay, {
    subprotocols: ["postern.v1"],
    headers: { Authorization: `Bearer ${await token({ claims: { verbs: ["join"] } })}` },
  });

  reader.send({ type: "join", topic: "t", presence: "x", ref: 1 });
  reader.send({ type: "join", topic: "t", peerId: "r", ref: 2 });
  reader.send({ type: "join", topic: "t", peerId: "r", presence: "x", ref: 3 });
  reader.send({ type: "presence", topic: "t", presence: "x", ref: 4 });

  expect((await reader.take(4)).map(({ type, code, ref }) => [code ?? type, ref])).toEqual([
    ["not-permitted", 1],
    ["joined", 2],
    ["not-permitted", 3],
    ["not-permitted", 4],
  ]);
});

it("belongs to one membership: another name, and the next connection, show what they say", async () => {
  const relay = await startRelay();
  const [reader] = await openV1(relay, "t", "reader");
  const a = await Client.openV1(relay);
  a.send({ type: "join", topic: "t", peerId: "a", presence: "first" });
  const { takeover } = await a.next();
  a.send({ type: "join", topic: "t", peerId: "b" });
  await a.next();
  const back = await Client.openV1(relay);

  back.send({ type: "join", topic: "t", peerId: "c", takeover, presence: "second" });

  await back.next();
  const comings = messagesOf(reader).filter(({ type }) => type === "peer-joined");
  expect(comings.map(({ peerId, presence }) => [peerId, presence])).toEqual([
    ["a", "first"],
    ["b", undefined],
    ["c", "second"],
  ]);
});

it("is shown by a line at its join, when it changes, to who comes later, and again on its next connection", async () => {
  const relay = await startRelay();
  const way = await Way.to(relay.port);
  let own = "at first";
  const a = TestLine.to(relay, {}, way.port).open("t", undefined, () => own);
  const b = TestLine.to(relay).open("t", undefined, () => undefined);
  await Promise.all([a.hasJoined(), b.hasJoined()]);
  const { peerHandle } = a.joined.self;

  own = "then";
  a.line.setPresence(own);
  await eventually(() => expect(b.of("presence")).toEqual([{ type: "presence", peerHandle, presence: "then" }]));
  const late = TestLine.to(relay).open("t");
  const { members } = await late.hasJoined();
  own = "after the cut";
  way.cut();
  await a.hasJoined(2);

  expect(members.map(({ presence }) => presence)).toContain("then");
  await eventually(() => expect(b.of("peer-joined").at(-1)?.member.presence).toBe("after the cut"));
});
