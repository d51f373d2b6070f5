import { expect, it } from "vitest";
import { encodeBinaryRelayData } from "../../protocol/v1-binary.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { TestLine, type TestTopic } from "../support/line-scene.ts";
import { ScriptedRelay, type ScriptedSocket } from "../support/scripted-relay.ts";

type Scene = {
  readonly clock: FakeClock;
  readonly line: TestLine;
  readonly topic: TestTopic;
  readonly relay: ScriptedRelay;
  readonly socket: ScriptedSocket;
};

/** A topic whose join is on its way. */
function openJoining(): Scene {
  const clock = new FakeClock();
  const relay = new ScriptedRelay();
  const line = new TestLine("wss://relay.test", { clock, dial: relay.dial, random: () => 0.5 });
  clock.advance(0);
  const topic = line.open("t");
  relay.last.open();
  relay.last.pong();
  return { clock, line, topic, relay, socket: relay.last };
}

function openJoined(): Scene {
  const scene = openJoining();
  scene.socket.joined({ members: [{ peerId: "one", peerHandle: 1 }] });
  return scene;
}

const member = (peerHandle: number) => ({ peerId: `m${peerHandle}`, peerHandle });
const data = (topicHandle: number, peerHandle: number) =>
  encodeBinaryRelayData({ topicHandle, peerHandle, isAddressed: false, payload: new Uint8Array([peerHandle]) });

it("has all pages of members before it says that it has joined, with who came and went meanwhile", () => {
  const { socket, topic } = openJoining();
  socket.joined({ members: [member(1), member(2)], more: true });
  socket.say({ type: "peer-left", topic: "t", ...member(1) });
  socket.say({ type: "peer-joined", topic: "t", ...member(200) });
  socket.sayBytes(data(7, 200));
  socket.sayBytes(data(7, 3));
  expect(topic.told).toEqual([]);
  expect(socket.of("members").map(({ after }) => after)).toEqual([2]);

  socket.say({
    type: "members",
    topic: "t",
    members: [member(3), member(200)],
    more: false,
    ref: socket.of("members")[0]?.ref,
  });

  expect(topic.told.map(({ type }) => type)).toEqual(["joined", "data", "data", "writable"]);
  expect(topic.joined.members.map(({ peerHandle }) => peerHandle).toSorted((a, b) => a - b)).toEqual([2, 3, 200]);
  expect(topic.joined.maxPayloadBytes).toBe(1_000_000);
});

it("asks for another name once at once, then after a while", () => {
  const { socket, clock } = openJoining();

  socket.refuse("peer-id-taken");
  expect(socket.of("join")).toHaveLength(2);
  socket.refuse("peer-id-taken");
  expect(socket.of("join")).toHaveLength(2);
  clock.advance(500);

  const names = socket.of("join").map(({ peerId }) => peerId);
  expect(new Set(names).size).toBe(3);
});

it.each(["topic-full", "not-permitted", "too-many-topics", "topic-invalid"])("ends on %s at the first join", (code) => {
  const { socket, topic, line } = openJoining();

  socket.refuse(code);

  expect(topic.of("ended").map(({ error }) => error.code)).toEqual([code]);
  expect(line.line.state).toBe("connected");
});

it("says the relay's word for a refusal that it does not know", () => {
  const { socket, topic } = openJoining();

  socket.refuse("wrong-moon");

  expect(topic.of("ended")[0]?.error.message).toContain("wrong-moon");
});

it("waits for room in a topic that it was in before", () => {
  const { socket, topic, clock, relay } = openJoined();
  socket.end();
  clock.advance(1000);
  relay.last.open();
  relay.last.refuse("topic-full");
  clock.advance(1000);
  relay.last.joined();

  expect(topic.of("ended")).toEqual([]);
  expect(topic.of("joined")).toHaveLength(2);
});

it("ends when a renewed token does not allow the topic", () => {
  const { socket, topic } = openJoined();

  socket.say({ type: "peer-left", topic: "t", peerId: "self", peerHandle: 100 });

  expect(topic.of("ended").map(({ error }) => error.code)).toEqual(["not-permitted"]);
});

it("passes on congestion, omissions, text and who comes and goes", () => {
  const { socket, topic } = openJoined();
  socket.say({ type: "congested", topic: "t", to: 1, heldBytes: 1, holdLimitBytes: 2 });
  socket.say({ type: "relieved", topic: "t", heldBytes: 0, holdLimitBytes: 2 });
  socket.say({ type: "error", code: "omitted", payload: "No", topic: "t", peerHandle: 1, sizeBytes: 9, count: 2 });
  socket.say({ type: "data", topic: "t", peerId: "one", peerHandle: 1, data: "text", to: 100 });
  socket.say({ type: "peer-joined", topic: "t", ...member(2) });
  socket.say({ type: "peer-left", topic: "t", ...member(2) });
  socket.say({ type: "offer", topic: "t", ...member(1), to: 100, payload: "signal" });
  socket.say('{"type":"news","of":"a later version"}');

  expect(topic.told.slice(2)).toEqual([
    { type: "congestion", to: 1, isCongested: true },
    { type: "congestion", to: undefined, isCongested: false },
    { type: "omitted", count: 2, sizeBytes: 9 },
    { type: "data", peerHandle: 1, payload: "text", isAddressed: true },
    { type: "peer-joined", member: member(2) },
    { type: "peer-left", member: member(2) },
  ]);
});

it("resolves a leave after two seconds where the relay does not answer, and passes over what still comes", async () => {
  const { socket, topic, clock } = openJoined();
  const before = topic.told.length;
  let isLeft = false;

  const left = topic.line.leave().then(() => (isLeft = true));
  for (let count = 0; count < 20; count += 1) socket.sayBytes(data(7, 1));
  clock.advance(1999);
  await Promise.resolve();
  expect(isLeft).toBe(false);
  clock.advance(1);
  await left;

  expect(topic.told).toHaveLength(before);
  expect(socket.isOver).toBe(false);
});

/** What no relay says, each of it many times: the first few are passed over, then the connection is closed. */
const lies: Record<string, (scene: Scene) => void> = {
  "text that is no message": ({ socket }) => socket.say("{"),
  "messages with bad fields": ({ socket }) => socket.say('{"type":"pong","ref":-1}'),
  "bytes that are no data": ({ socket }) => socket.sayBytes(new Uint8Array([1, 0, 0])),
  "data of a topic that was not joined": ({ socket }) => socket.sayBytes(data(8, 1)),
  "data of a member who is not there": ({ socket }) => socket.sayBytes(data(7, 9)),
  "a second answer to a join": ({ socket }) => socket.joined(),
  "another topic's members": ({ socket }) => socket.say({ type: "peer-joined", topic: "other", ...member(3) }),
  "the own handle as another's": ({ socket }) => socket.say({ type: "peer-joined", topic: "t", ...member(100) }),
  "another name for a handle": ({ socket }) =>
    socket.say({ type: "peer-joined", topic: "t", peerId: "liar", peerHandle: 1 }),
  "a page that nobody asked for": ({ socket }) =>
    socket.say({ type: "members", topic: "t", members: [member(5)], more: false, ref: 77 }),
};

it.each(Object.entries(lies))("puts up with a few, and then closes: %s", (_, tell) => {
  const scene = openJoined();

  for (let count = 0; count < 8; count += 1) tell(scene);
  expect(scene.socket.isOver).toBe(false);
  tell(scene);

  expect(scene.socket.isOver).toBe(true);
  expect(scene.line.errors.map(({ code }) => code)).toEqual(["protocol-error"]);
  expect(scene.line.line.state).toBe("reconnecting");
  expect(scene.topic.told.filter(({ type }) => type !== "down").map(({ type }) => type)).toEqual([
    "joined",
    "writable",
  ]);
});

it("closes a connection whose pages have no end, or do not rise", () => {
  for (const page of [[member(2)], [member(1)], []]) {
    const { socket, line } = openJoining();
    socket.joined({ members: [member(2)], more: true });

    socket.say({ type: "members", topic: "t", members: page, more: true, ref: socket.of("members")[0]?.ref });

    expect(socket.isOver).toBe(true);
    expect(line.errors.map(({ code }) => code)).toEqual(["protocol-error"]);
  }
});

it("keeps no more than 100,000 members, and no more than 4 MiB of what comes before they are known", () => {
  const { socket, line, topic } = openJoining();
  socket.joined({ members: [member(101)], more: true });
  for (let count = 0; count < 30; count += 1) {
    socket.sayBytes(
      encodeBinaryRelayData({ topicHandle: 7, peerHandle: 101, isAddressed: false, payload: new Uint8Array(400_000) }),
    );
  }
  let next = 102;
  for (let page = 0; page <= 10; page += 1) {
    const members = Array.from({ length: 1500 }, () => member((next += 1)));
    socket.say({ type: "members", topic: "t", members, more: page < 10, ref: socket.of("members").at(-1)?.ref });
  }

  expect(topic.of("data").length).toBe(10);
  expect(topic.joined.members.length).toBeLessThan(20_000);
  const endless = openJoining();
  endless.socket.joined({ members: [member(1)], more: true });
  for (let page = 0; page < 80 && !endless.socket.isOver; page += 1) {
    const members = Array.from({ length: 1500 }, () => member((next += 1)));
    endless.socket.say({
      type: "members",
      topic: "t",
      members,
      more: true,
      ref: endless.socket.of("members").at(-1)?.ref,
    });
  }
  expect(endless.socket.isOver).toBe(true);
  expect(line.errors).toEqual([]);
});

it("closes a connection on which a join is not answered", () => {
  const { socket, clock, line } = openJoining();
  for (let second = 0; second < 61 && !socket.isOver; second += 1) {
    clock.advance(1000);
    socket.pong();
  }

  expect(socket.isOver).toBe(true);
  expect(line.errors.map(({ code }) => code)).toEqual(["protocol-error"]);
});

it("does not open one topic twice", () => {
  const { line, clock, socket } = openJoined();

  const second = line.open("t");
  clock.advance(0);

  expect(second.of("ended").map(({ error }) => error.code)).toEqual(["option-invalid"]);
  expect(socket.of("join")).toHaveLength(1);
});
