import { expect, it } from "vitest";
import { Handles } from "../../relay/hub/handles.ts";
import { Hub } from "../../relay/hub/hub.ts";
import { Topic } from "../../relay/hub/topic.ts";
import { Traffic } from "../../relay/hub/traffic.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

const newHub = (maxOutboxBytes = 1_000_000) => new Hub(hubOptions({ maxOutboxBytes }), { time: new TestTime() });

it("encodes a message once per encoding, whatever the number of members", () => {
  const hub = newHub();
  const encodings = [new PlainEncoding(), new PlainEncoding()] as const;
  const [sender, ...others] = Array.from({ length: 9 }, (_, index) => {
    const peer = hub.connect(new RecordingLink());
    const encoding = index % 2 === 0 ? encodings[0] : encodings[1];
    return hub.join(peer, { topicName: "t", peerId: `${index}`, encoding }, () => []);
  });
  const before = encodings.map(({ encodeCount }) => encodeCount);

  if (sender !== undefined) hub.publish(sender, textPayload("payload"));

  expect(encodings.map(({ encodeCount }, index) => encodeCount - (before[index] ?? 0))).toEqual([1, 1]);
  expect(others).toHaveLength(8);
});

it("gives every member of an encoding the very same bytes", () => {
  const hub = newHub();
  const encoding = new PlainEncoding();
  const seen: Uint8Array[] = [];
  const link = Object.assign(new RecordingLink(), { send: (frame: Uint8Array) => void seen.push(frame) });
  const sender = hub.join(
    hub.connect(new RecordingLink()),
    { topicName: "t", peerId: "sender", encoding: encoding },
    () => [],
  );
  hub.join(hub.connect(link), { topicName: "t", peerId: "a", encoding: encoding }, () => []);
  hub.join(hub.connect(link), { topicName: "t", peerId: "b", encoding: encoding }, () => []);
  seen.length = 0;

  hub.publish(sender, textPayload("payload"));

  expect(seen[0]).toBe(seen[1]);
});

it("leaves out members that a sender names, and tells them nothing, also where they take no large payload", () => {
  const hub = newHub();
  const encoding = new PlainEncoding();
  const links = Array.from({ length: 4 }, () => new RecordingLink());
  const [sender, own] = links.map((link, index) => {
    const maxPayloadBytes = index === 1 || index === 3 ? 3 : undefined;
    return hub.join(hub.connect(link), { topicName: "t", peerId: `${index}`, encoding, maxPayloadBytes }, () => []);
  });
  for (const { frames } of links) frames.length = 0;
  if (sender === undefined || own === undefined) throw new Error("nobody is there");

  hub.publish(sender, textPayload("payload"), [sender, own]);

  expect(links.map(({ frames }) => frames)).toMatchObject([[], [], [{ type: "data" }], [{ type: "omitted" }]]);
});

function why(): Uint8Array {
  return Buffer.from('"why"');
}

it("gives a peer whose outbox is full its last word before the close, past the bound, where it has one", () => {
  const hub = newHub(100);
  const encoding = new PlainEncoding();
  const stalled = new RecordingLink({ isReading: false });
  const sender = hub.join(hub.connect(new RecordingLink()), { topicName: "t", peerId: "s", encoding }, () => []);
  const peer = hub.connect(stalled, { holdLimitBytes: 0, encodeLastWord: why });
  hub.join(peer, { topicName: "t", peerId: "stalled", encoding }, () => []);

  for (let count = 0; count < 4; count += 1) hub.publish(sender, textPayload("x".repeat(50)));

  expect(stalled.frames).toHaveLength(2);
  expect(stalled.frames.at(-1)).toBe("why");
  expect(stalled.closed).toEqual({ code: 1013, reason: "outbox full" });
});

it("ends a peer whose outbox is full, tells the rest, and closes its link with the given code", () => {
  const hub = newHub(100);
  const encoding = new PlainEncoding();
  const stalled = new RecordingLink({ isReading: false });
  const reader = new RecordingLink();
  const sender = hub.join(
    hub.connect(new RecordingLink()),
    { topicName: "t", peerId: "sender", encoding: encoding },
    () => [],
  );
  hub.join(hub.connect(stalled), { topicName: "t", peerId: "stalled", encoding: encoding }, () => []);
  hub.join(hub.connect(reader), { topicName: "t", peerId: "reader", encoding: encoding }, () => []);

  for (let count = 0; count < 3; count += 1) hub.publish(sender, textPayload("x".repeat(50)));

  expect(stalled.closed).toEqual({ code: 1013, reason: "outbox full" });
  expect(stalled.frames).toHaveLength(2);
  expect(reader.frames).toMatchObject([
    { type: "data" },
    { type: "data" },
    { type: "peer-left", peerId: "stalled" },
    { type: "data" },
  ]);
  expect(hub.counts()).toMatchObject({ topics: 1, peers: 2, messages: 3, outboxesFull: 1 });
});

it("ends a whole topic of stalled readers without recursion, each once", () => {
  const hub = newHub(1);
  const encoding = new PlainEncoding();
  const links = Array.from({ length: 5000 }, () => new RecordingLink({ isReading: false }));
  for (const [index, link] of links.entries())
    hub.join(hub.connect(link), { topicName: "t", peerId: `${index}`, encoding: encoding }, () => []);
  const sender = hub.join(
    hub.connect(new RecordingLink()),
    { topicName: "t", peerId: "sender", encoding: encoding },
    () => [],
  );

  hub.publish(sender, textPayload("payload"));

  expect(hub.counts()).toMatchObject({ topics: 1, peers: 1, outboxesFull: 5000 });
  expect(links.every(({ closed }) => closed !== undefined)).toBe(true);
});

it("counts an outbox that fills in two topics at once as one", () => {
  const hub = newHub(1);
  const encoding = new PlainEncoding();
  const stalled = hub.connect(new RecordingLink({ isReading: false }));
  const leaver = hub.connect(new RecordingLink());
  for (const topic of ["a", "b", "c"]) {
    hub.join(leaver, { topicName: topic, peerId: "leaver", encoding }, () => []);
    hub.join(stalled, { topicName: topic, peerId: "stalled", encoding }, () => []);
  }
  // Full from here on: one frame is over the bound of one byte.
  hub.offer(stalled, new TextEncoder().encode("{}"));

  hub.disconnect(leaver);

  expect(hub.counts()).toMatchObject({ topics: 0, peers: 0, outboxesFull: 1 });
});

it("takes nothing for a peer that was ended", () => {
  const hub = newHub();
  const link = new RecordingLink();
  const peer = hub.connect(link);
  hub.join(peer, { topicName: "t", peerId: "a", encoding: new PlainEncoding() }, () => []);

  hub.disconnect(peer);
  hub.offer(peer, new TextEncoder().encode("{}"));
  hub.disconnect(peer);

  expect(link.frames).toEqual([]);
  expect(peer.isOver).toBe(true);
  expect(hub.counts()).toMatchObject({ topics: 0, peers: 0 });
});

it("welcomes a new member before anything else of the topic, though its coming fills the outbox of another", () => {
  const hub = newHub(1);
  const encoding = new PlainEncoding();
  const stalled = hub.connect(new RecordingLink({ isReading: false }));
  hub.join(stalled, { topicName: "t", peerId: "stalled", encoding }, () => []);
  hub.offer(stalled, new TextEncoder().encode("{}"));
  const link = new RecordingLink();

  hub.join(hub.connect(link), { topicName: "t", peerId: "new", encoding: encoding }, () => [
    new TextEncoder().encode('"welcome"'),
  ]);

  expect(link.frames).toEqual(["welcome", expect.objectContaining({ type: "peer-left", peerId: "stalled" })]);
});

it("leaves once, however often it is said", () => {
  const hub = newHub();
  const encoding = new PlainEncoding();
  const stays = new RecordingLink();
  hub.join(hub.connect(stays), { topicName: "t", peerId: "stays", encoding: encoding }, () => []);
  const leaves = hub.join(
    hub.connect(new RecordingLink()),
    { topicName: "t", peerId: "leaves", encoding: encoding },
    () => [],
  );

  hub.leave(leaves);
  hub.leave(leaves);

  expect(stays.frames).toMatchObject([{ type: "peer-joined" }, { type: "peer-left" }]);
  expect([...hub.topics()].map(({ name, memberCount }) => [name, memberCount])).toEqual([["t", 1]]);
});

it("begins again at handle 1 after the last one, and skips handles that are in use", () => {
  const delivery = { encoding: new PlainEncoding(), delivered: new Traffic() };
  const peer = newHub().connect(new RecordingLink());
  const topic = new Topic("t", 1, { onTrouble: () => undefined, handles: new Handles(undefined, 3) });
  topic.add(peer, { peerId: "first" }, delivery);
  const second = topic.add(peer, { peerId: "second" }, delivery);
  const third = topic.add(peer, { peerId: "third" }, delivery);
  topic.remove(second);

  const fourth = topic.add(peer, { peerId: "fourth" }, delivery);

  expect(third.peerHandle).toBe(3);
  expect(fourth.peerHandle).toBe(2);
  expect([topic.hasPeerId("fourth"), topic.hasPeerId("second")]).toEqual([true, false]);
});

it("sends to one member, carries signals where they are understood, and says why not elsewhere", () => {
  const hub = newHub();
  const talks = new PlainEncoding({ hasKinds: true });
  const link = new RecordingLink();
  const deaf = new RecordingLink();
  const a = hub.join(hub.connect(new RecordingLink()), { topicName: "t", peerId: "a", encoding: talks }, () => []);
  const b = hub.join(hub.connect(link), { topicName: "t", peerId: "b", encoding: talks }, () => []);
  const c = hub.join(
    hub.connect(deaf),
    { topicName: "t", peerId: "c", encoding: new PlainEncoding({ hasKinds: false }) },
    () => [],
  );

  const outcomes = [
    hub.send(a, b.peerHandle, textPayload("x")),
    hub.send(a, a.peerHandle, textPayload("x")),
    hub.send(a, 99, textPayload("x")),
    hub.sendKind(a, "offer", b.peerHandle, textPayload("sdp")),
    hub.sendKind(a, "offer", c.peerHandle, textPayload("sdp")),
    hub.sendKind(a, "offer", a.peerHandle, textPayload("sdp")),
    hub.sendKind(a, "offer", 99, textPayload("sdp")),
  ];

  expect(outcomes).toEqual([
    "sent",
    "no-such-peer",
    "no-such-peer",
    "sent",
    "not-taken",
    "no-such-peer",
    "no-such-peer",
  ]);
  expect(link.frames.slice(1)).toMatchObject([
    { type: "data", to: 2, payload: "x" },
    { type: "offer", to: 2, payload: "sdp" },
  ]);
  expect(deaf.frames).toEqual([]);
});

it("has somebody who joins again and again wait for the slow readers that it fills, as one who sends", () => {
  const hub = new Hub(hubOptions({ maxOutboxBytes: 1_000_000, outboxHighWaterBytes: 1000 }), { time: new TestTime() });
  const encoding = new PlainEncoding();
  const stalled = new RecordingLink({ isReading: false });
  hub.join(hub.connect(stalled), { topicName: "t", peerId: "stalled", encoding }, () => []);
  const link = new RecordingLink();
  const peer = hub.connect(link);

  for (let count = 0; count < 1000 && !link.isPaused; count += 1) {
    const member = hub.join(peer, { topicName: "t", peerId: `name ${count}`, encoding }, () => []);
    if (!link.isPaused) hub.leave(member);
  }

  expect(link.isPaused).toBe(true);
  expect(stalled.closed).toBeUndefined();
});
