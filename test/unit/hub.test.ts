import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import { Topic } from "../../relay/hub/topic.ts";
import { PlainEncoding, RecordingLink } from "../support/recording-link.ts";

const fullOutboxClose = { code: 1013, reason: "outbox full" };
const newHub = (maxOutboxBytes = 1_000_000) => new Hub({ maxOutboxBytes, fullOutboxClose });

it("encodes a message once per encoding, whatever the number of members", () => {
  const hub = newHub();
  const encodings = [new PlainEncoding(), new PlainEncoding()] as const;
  const [sender, ...others] = Array.from({ length: 9 }, (_, index) => {
    const peer = hub.connect(new RecordingLink(), index % 2 === 0 ? encodings[0] : encodings[1]);
    return hub.join(peer, "t", `${index}`, () => []);
  });
  const before = encodings.map(({ encodeCount }) => encodeCount);

  if (sender !== undefined) hub.publish(sender, "payload");

  expect(encodings.map(({ encodeCount }, index) => encodeCount - (before[index] ?? 0))).toEqual([1, 1]);
  expect(others).toHaveLength(8);
});

it("gives every member of an encoding the very same bytes", () => {
  const hub = newHub();
  const encoding = new PlainEncoding();
  const seen: Uint8Array[] = [];
  const link = { bufferedBytes: 0, send: (frame: Uint8Array) => void seen.push(frame), close: () => undefined };
  const sender = hub.join(hub.connect(new RecordingLink(), encoding), "t", "sender", () => []);
  hub.join(hub.connect(link, encoding), "t", "a", () => []);
  hub.join(hub.connect(link, encoding), "t", "b", () => []);
  seen.length = 0;

  hub.publish(sender, "payload");

  expect(seen[0]).toBe(seen[1]);
});

it("ends a peer whose outbox is full, tells the rest, and closes its link with the given code", () => {
  const hub = newHub(100);
  const encoding = new PlainEncoding();
  const stalled = new RecordingLink({ isReading: false });
  const reader = new RecordingLink();
  const sender = hub.join(hub.connect(new RecordingLink(), encoding), "t", "sender", () => []);
  hub.join(hub.connect(stalled, encoding), "t", "stalled", () => []);
  hub.join(hub.connect(reader, encoding), "t", "reader", () => []);

  for (let count = 0; count < 3; count += 1) hub.publish(sender, "x".repeat(50));

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
  for (const [index, link] of links.entries()) hub.join(hub.connect(link, encoding), "t", `${index}`, () => []);
  const sender = hub.join(hub.connect(new RecordingLink(), encoding), "t", "sender", () => []);

  hub.publish(sender, "payload");

  expect(hub.counts()).toMatchObject({ topics: 1, peers: 1, outboxesFull: 5000 });
  expect(links.every(({ closed }) => closed !== undefined)).toBe(true);
});

it("counts an outbox that fills in two topics at once as one", () => {
  const hub = newHub(1);
  const encoding = new PlainEncoding();
  const stalled = hub.connect(new RecordingLink({ isReading: false }), encoding);
  const leaver = hub.connect(new RecordingLink(), encoding);
  for (const topic of ["a", "b", "c"]) {
    hub.join(leaver, topic, "leaver", () => []);
    hub.join(stalled, topic, "stalled", () => []);
  }
  // Full from here on: one frame is over the bound of one byte.
  hub.offer(stalled, new TextEncoder().encode("{}"));

  hub.disconnect(leaver);

  expect(hub.counts()).toMatchObject({ topics: 0, peers: 0, outboxesFull: 1 });
});

it("takes nothing for a peer that was ended", () => {
  const hub = newHub();
  const link = new RecordingLink();
  const peer = hub.connect(link, new PlainEncoding());
  hub.join(peer, "t", "a", () => []);

  hub.end(peer, 1008, "because");
  hub.offer(peer, new TextEncoder().encode("{}"));
  hub.disconnect(peer);

  expect(link).toMatchObject({ frames: [], closed: { code: 1008, reason: "because" } });
  expect(peer.outbox.isClosed).toBe(true);
  expect(hub.counts()).toMatchObject({ topics: 0, peers: 0 });
});

it("welcomes a new member before anything else of the topic, though its coming fills the outbox of another", () => {
  const hub = newHub(1);
  const encoding = new PlainEncoding();
  const stalled = hub.connect(new RecordingLink({ isReading: false }), encoding);
  hub.join(stalled, "t", "stalled", () => []);
  hub.offer(stalled, new TextEncoder().encode("{}"));
  const link = new RecordingLink();

  hub.join(hub.connect(link, encoding), "t", "new", () => [new TextEncoder().encode('"welcome"')]);

  expect(link.frames).toEqual(["welcome", expect.objectContaining({ type: "peer-left", peerId: "stalled" })]);
});

it("leaves once, however often it is said", () => {
  const hub = newHub();
  const encoding = new PlainEncoding();
  const stays = new RecordingLink();
  hub.join(hub.connect(stays, encoding), "t", "stays", () => []);
  const leaves = hub.join(hub.connect(new RecordingLink(), encoding), "t", "leaves", () => []);

  hub.leave(leaves);
  hub.leave(leaves);

  expect(stays.frames).toMatchObject([{ type: "peer-joined" }, { type: "peer-left" }]);
  expect([...hub.topics()].map(({ name, memberCount }) => [name, memberCount])).toEqual([["t", 1]]);
});

it("begins again at handle 1 after the last one, and skips handles that are in use", () => {
  const peer = newHub().connect(new RecordingLink(), new PlainEncoding());
  const topic = new Topic("t", () => undefined, 3);
  topic.add(peer, "first");
  const second = topic.add(peer, "second");
  const third = topic.add(peer, "third");
  topic.remove(second);

  const fourth = topic.add(peer, "fourth");

  expect(third.peerHandle).toBe(3);
  expect(fourth.peerHandle).toBe(2);
  expect([topic.hasPeerId("fourth"), topic.hasPeerId("second")]).toEqual([true, false]);
});

it("sends to one member, carries signals where they are understood, and says why not elsewhere", () => {
  const hub = newHub();
  const talks = new PlainEncoding({ hasSignals: true });
  const link = new RecordingLink();
  const deaf = new RecordingLink();
  const a = hub.join(hub.connect(new RecordingLink(), talks), "t", "a", () => []);
  const b = hub.join(hub.connect(link, talks), "t", "b", () => []);
  const c = hub.join(hub.connect(deaf, new PlainEncoding({ hasSignals: false })), "t", "c", () => []);

  const outcomes = [
    hub.send(a, b.peerHandle, "x"),
    hub.send(a, a.peerHandle, "x"),
    hub.send(a, 99, "x"),
    hub.signal(a, "offer", b.peerHandle, "sdp"),
    hub.signal(a, "offer", c.peerHandle, "sdp"),
    hub.signal(a, "offer", a.peerHandle, "sdp"),
    hub.signal(a, "offer", 99, "sdp"),
  ];

  expect(outcomes).toEqual([
    "sent",
    "no-such-peer",
    "no-such-peer",
    "sent",
    "peer-cannot-signal",
    "no-such-peer",
    "no-such-peer",
  ]);
  expect(link.frames.slice(1)).toMatchObject([
    { type: "data", to: 2, payload: "x" },
    { type: "offer", to: 2, payload: "sdp" },
  ]);
  expect(deaf.frames).toEqual([]);
});
