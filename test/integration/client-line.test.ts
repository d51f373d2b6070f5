import { expect, it } from "vitest";
import { openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { TestLine, Way } from "../support/line-scene.ts";
import { startRelay } from "../support/relay.ts";

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
