import { expect, it } from "vitest";
import { openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { TestLine, Way } from "../support/line-scene.ts";
import { startRelay } from "../support/relay.ts";
import { token, tokenOptions } from "../support/tokens.ts";

const longName = (index: number): string => `${index}`.padStart(120, "-");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

it("joins over TLS, sees who is there, and carries bytes to all and to one", async () => {
  const relay = await startRelay();
  const a = TestLine.to(relay).open("t");
  await a.hasJoined();
  const b = TestLine.to(relay).open("t");
  const c = TestLine.to(relay).open("t");
  await Promise.all([b.hasJoined(), c.hasJoined()]);
  await eventually(() => expect(a.of("peer-joined")).toHaveLength(2));

  a.line.sendToAll(bytes("all"));
  a.line.sendTo([b.joined.self.peerHandle], bytes("one"));
  a.line.sendTo([b.joined.self.peerHandle, c.joined.self.peerHandle, 999], bytes("both"));

  await eventually(() => {
    expect(b.texts).toEqual(["all", "one", "both"]);
    expect(c.texts).toEqual(["all", "both"]);
  });
  expect(b.of("data").map(({ isAddressed, peerHandle }) => [isAddressed, peerHandle])).toEqual([
    [false, a.joined.self.peerHandle],
    [true, a.joined.self.peerHandle],
    [true, a.joined.self.peerHandle],
  ]);
  expect(b.joined.members).toContainEqual(a.joined.self);
});

it("is back by itself after a cut, under a new name, with many topics", async () => {
  const relay = await startRelay();
  const way = await Way.to(relay.port);
  const line = TestLine.to(relay, {}, way.port);
  const topics = ["a", "b", "c"].map((name) => line.open(name));
  const before = await Promise.all(topics.map((topic) => topic.hasJoined()));

  way.cut();
  const after = await Promise.all(topics.map((topic) => topic.hasJoined(2)));

  expect(line.states).toEqual(["connected", "reconnecting", "connected"]);
  expect(line.errors).toEqual([]);
  for (const [index, topic] of topics.entries()) {
    expect(topic.told.map(({ type }) => type)).toEqual(["joined", "writable", "down", "joined", "writable"]);
    expect(after[index]?.self.peerId).not.toBe(before[index]?.self.peerId);
    // Its own ghost is gone, by takeover or by the cut.
    expect(after[index]?.members).toEqual([]);
  }
});

it("comes back to the relay that follows a planned stop on the same port", async () => {
  const relay = await startRelay({ drainTimeoutMs: 3000 });
  const line = TestLine.to(relay);
  const topic = line.open("t");
  await topic.hasJoined();

  await relay.stop();
  await startRelay({ port: relay.port });
  await topic.hasJoined(2);

  expect(line.states).toEqual(["connected", "reconnecting", "connected"]);
});

it("leaves: the others see it go, and a new join of the same topic may follow at once", async () => {
  const relay = await startRelay();
  const line = TestLine.to(relay);
  const other = TestLine.to(relay).open("t");
  await other.hasJoined();
  const first = line.open("t");
  await first.hasJoined();

  const left = first.line.leave();
  const second = line.open("t");
  await left;
  await second.hasJoined();

  await eventually(() => expect(other.of("peer-left").map(({ member }) => member)).toEqual([first.joined.self]));
  expect(second.joined.members).toEqual([other.joined.self]);
  expect(first.of("ended")).toEqual([]);
});

it("reads data that is no base64 as text, and tells addressed data of a classic topic", async () => {
  const relay = await startRelay();
  const topic = TestLine.to(relay).open("t");
  await topic.hasJoined();
  const classic = await openClassic(relay, "t", "classic");
  const [v1] = await openV1(relay, "t", "v1");

  classic.send({ type: "data", data: "not base64!" });
  await eventually(() => expect(topic.texts).toEqual(["not base64!"]));
  v1.send({ type: "data", topic: "t", to: topic.joined.self.peerHandle, data: "aGk=" });

  await eventually(() => expect(topic.texts).toEqual(["not base64!", "hi"]));
  expect(topic.of("data").map(({ payload }) => typeof payload)).toEqual(["string", "object"]);
  expect(topic.of("data").at(-1)?.isAddressed).toBe(true);
});

it("ends the ghost that it has left behind, and finds its own name free", async () => {
  const relay = await startRelay();
  const way = await Way.to(relay.port);
  const topic = TestLine.to(relay, {}, way.port).open("t", () => "plain-name");
  await topic.hasJoined();
  const witness = TestLine.to(relay).open("t");
  await witness.hasJoined();

  // The relay hears nothing of this cut: its end of the connection stays open.
  way.sever();
  await topic.hasJoined(2);

  expect(topic.joined.self.peerId).toBe("plain-name");
  expect(topic.joined.members).toEqual([witness.joined.self]);
  await eventually(() => expect(witness.of("peer-left")).toHaveLength(1));
  expect(relay.figures().peers).toBe(2);
});

it("is told which token does not do, and by which word", async () => {
  const relay = await startRelay(await tokenOptions());
  const none = TestLine.to(relay);
  const noneTopic = none.open("t");
  const limited = TestLine.to(relay, { token: await token({ claims: { topics: ["other"] } }) });
  const limitedTopic = limited.open("t");

  await eventually(() => expect(noneTopic.of("ended").map(({ error }) => error.code)).toEqual(["unauthorized"]));
  await eventually(() => expect(limitedTopic.of("ended").map(({ error }) => error.code)).toEqual(["not-permitted"]));

  expect(none.line.state).toBe("closed");
  expect(none.errors[0]).toMatchObject({ status: 4004, requestId: expect.any(String) });
  expect(none.errors[0]?.message).toContain("missing");
  expect(limited.line.state).toBe("connected");
});

it("learns its members page by page, while others come", async () => {
  const relay = await startRelay({ tls: "off" });
  // A page has a hundred of these names, and each connection is one member.
  const many = Array.from({ length: 130 }, (_, index) => TestLine.to(relay).open("t", () => longName(index)));
  await Promise.all(many.map((topic) => topic.hasJoined()));
  const newcomer = TestLine.to(relay).open("t");
  const others = Array.from({ length: 6 }, () => TestLine.to(relay).open("t"));
  await Promise.all([newcomer, ...others].map((topic) => topic.hasJoined()));

  await eventually(() => {
    const names = new Set(newcomer.joined.members.map(({ peerId }) => peerId));
    for (const { member } of newcomer.of("peer-joined")) names.add(member.peerId);
    expect(names.size).toBe(136);
  });
  const atFirst = newcomer.joined.members.map(({ peerId }) => peerId);
  expect(new Set(atFirst).size).toBe(atFirst.length);
  expect(atFirst.length).toBeGreaterThanOrEqual(130);
});

it("tells when what it sends waits at the relay for one member, and when no longer", async () => {
  const relay = await startRelay({
    stalledReaderTimeoutMs: 120_000,
    slowReaderTimeoutMs: 120_000,
    sweepIntervalMs: 120_000,
  });
  const [stalled, { peerHandle }] = await openV1(relay, "t", "stalled");
  const topic = TestLine.to(relay).open("t");
  await topic.hasJoined();
  stalled.socket.pause();
  const to = Number(peerHandle);
  await eventually(() => {
    if (topic.line.isWritable) topic.line.sendTo([to], new Uint8Array(200_000));
    expect(topic.of("congestion")).not.toEqual([]);
  });
  expect(topic.of("congestion")[0]).toMatchObject({ to, isCongested: true });

  stalled.socket.resume();

  await eventually(() => expect(topic.of("congestion").at(-1)).toMatchObject({ to, isCongested: false }));
});

it("goes on after a payload that the relay refuses for its size", async () => {
  const relay = await startRelay();
  const topic = TestLine.to(relay).open("t");
  await topic.hasJoined();
  const { maxPayloadBytes } = topic.joined;

  topic.line.sendToAll(new Uint8Array(maxPayloadBytes + 1));
  topic.line.sendToAll(bytes("goes on"));

  const other = TestLine.to(relay).open("t");
  await other.hasJoined();
  topic.line.sendToAll(bytes("hello"));
  await eventually(() => expect(other.texts).toContain("hello"));
  expect(topic.of("ended")).toEqual([]);
});
