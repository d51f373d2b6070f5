import { expect, it } from "vitest";
import { Handles } from "../../relay/hub/handles.ts";
import { Hub } from "../../relay/hub/hub.ts";
import type { Encoding, HubEvent, HubHooks, MemberIdentity, Payload } from "../../relay/hub/ports.ts";
import type { Member } from "../../relay/hub/topic.ts";
import { BytesPayload } from "../../relay/session/payload.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

/** Keeps what a bus or a store would: words for what happened, and the payloads. */
class Witness implements HubHooks {
  readonly saw: string[] = [];
  readonly kept: Payload[] = [];

  topicOpened(topicName: string): void {
    this.saw.push(`opened ${topicName}`);
  }

  topicClosed(topicName: string): void {
    this.saw.push(`closed ${topicName}`);
  }

  published(topicName: string, event: HubEvent): void {
    const who = "member" in event ? event.member.peerId : event.from.peerId;
    this.saw.push(`${topicName}: ${event.type} ${who}`);
    if ("payload" in event) this.kept.push(event.payload.keep());
  }
}

function scene(changes: Parameters<typeof hubOptions>[0] = {}) {
  const hooks = new Witness();
  const hub = new Hub(hubOptions(changes), { time: new TestTime(), hooks });
  const encoding: Encoding = new PlainEncoding();
  function join(topicName: string, peerId: string): { readonly member: Member; readonly link: RecordingLink } {
    const link = new RecordingLink();
    return { member: hub.join(hub.connect(link), { topicName, peerId, encoding }, () => []), link };
  }
  return { hub, hooks, join };
}

/** A member of another node, as a bus would make it. */
function stranger(peerHandle: number): MemberIdentity {
  const identity: MemberIdentity = {
    peerId: "stranger",
    peerHandle,
    topicName: "t",
    topicHandle: 1,
    presence: undefined,
    startFor: (_encoding, write) => write(identity),
  };
  return identity;
}

it("tells its hooks of topics and of what was published, in the order of things", () => {
  const { hub, hooks, join } = scene();
  const a = join("t", "a").member;
  const b = join("t", "b").member;
  join("other", "c");

  hub.publish(a, textPayload("x"));
  hub.leave(a);
  hub.disconnect(b.peer);

  expect(hooks.saw).toEqual([
    "opened t",
    "t: peer-joined a",
    "t: peer-joined b",
    "opened other",
    "other: peer-joined c",
    "t: data a",
    "t: peer-left a",
    "t: peer-left b",
    "closed t",
  ]);
});

it("does not tell them of what goes to one member here, nor of what it was told to deliver", () => {
  const { hub, hooks, join } = scene();
  const [a, b] = [join("t", "a").member, join("t", "b").member];
  const before = hooks.saw.length;

  hub.send(a, b.peerHandle, textPayload("x"));
  hub.sendKind(a, "offer", b.peerHandle, textPayload("x"));
  hub.deliver("t", { type: "data", from: stranger(9), to: undefined, payload: textPayload("x") });

  expect(hooks.saw).toHaveLength(before);
});

it("gives its hooks payloads that can be kept beyond the chunk they came in", () => {
  const { hub, hooks, join } = scene();
  const { member } = join("t", "a");
  const chunk = Buffer.from("payload");

  hub.publish(member, BytesPayload.fromRaw(chunk));
  chunk.fill(0);

  expect(hooks.kept.map((payload) => Buffer.from(payload.asSent()).toString())).toEqual(["payload"]);
});

it("delivers an event from elsewhere to all members but one, and one with an addressee to that member alone", () => {
  const { hub, join } = scene();
  const [a, b, c] = [join("t", "a"), join("t", "b"), join("t", "c")];
  for (const { link } of [a, b, c]) link.frames.length = 0;
  const from = stranger(9);

  hub.deliver("t", { type: "data", from, to: undefined, payload: textPayload("for all but b") }, b.member);
  hub.deliver("t", { type: "data", from, to: c.member.peerHandle, payload: textPayload("for c") });
  hub.deliver("t", { type: "data", from, to: c.member.peerHandle, payload: textPayload("not for c") }, c.member);
  hub.deliver("t", { type: "data", from, to: 77, payload: textPayload("for nobody") });
  hub.deliver("nowhere", { type: "data", from, to: undefined, payload: textPayload("for nobody") });
  hub.deliver("t", { type: "peer-left", member: from });

  const forAll = { type: "data", peerId: "stranger", payload: "for all but b" };
  const left = { type: "peer-left", peerId: "stranger" };
  expect(a.link.frames).toMatchObject([forAll, left]);
  expect(b.link.frames).toMatchObject([left]);
  expect(c.link.frames).toMatchObject([forAll, { ...forAll, payload: "for c" }, left]);
  expect(hub.topic("nowhere")).toBeUndefined();
});

it("ends a member whose outbox an event from elsewhere fills", () => {
  const { hub, join } = scene({ maxOutboxBytes: 1 });
  const full = join("t", "full");
  full.link.bufferedBytes = 1;
  const { link } = join("t", "reader");
  // The join filled it already; a later event finds the rest.
  expect(full.link.closed).toMatchObject({ code: 1013 });
  link.bufferedBytes = 1;

  hub.deliver("t", { type: "data", from: stranger(9), to: undefined, payload: textPayload("x") });

  expect(link.closed).toMatchObject({ code: 1013 });
  expect(hub.counts()).toMatchObject({ topics: 0, peers: 0 });
});

it("gives an event from elsewhere also to those without room: nobody here could hold it for them", () => {
  const { hub, join } = scene({ outboxHighWaterBytes: 1 });
  const link = new RecordingLink({ isReading: false });
  hub.join(hub.connect(link), { topicName: "t", peerId: "slow", encoding: new PlainEncoding() }, () => []);
  const { link: reader } = join("t", "reader");
  link.frames.length = 0;

  for (const payload of ["one", "two"]) {
    hub.deliver("t", { type: "data", from: stranger(9), to: undefined, payload: textPayload(payload) });
  }

  expect(link.frames).toMatchObject([{ payload: "one" }, { payload: "two" }]);
  expect(reader.frames).toHaveLength(2);
});

it("gives no event of a kind to a member that does not take it", () => {
  const { hub } = scene();
  const link = new RecordingLink();
  const encoding = new PlainEncoding({ hasKinds: false });
  const member = hub.join(hub.connect(link), { topicName: "t", peerId: "classic", encoding }, () => []);
  const event = { kind: "offer", from: stranger(9), to: member.peerHandle, payload: textPayload("x") } as const;

  hub.deliver("t", { type: "addressed", ...event });

  expect(link.frames).toEqual([]);
});

it("gives handles of topics and members that no other node gives", () => {
  const NODES = 3;
  const given = Array.from({ length: NODES }, (_node, nodeIndex) => {
    const { join } = scene({ handleShare: { nodeIndex, nodeCount: NODES } });
    const members = ["t", "u"].flatMap((topicName) =>
      Array.from({ length: 40 }, (_, index) => join(topicName, `${index}`).member),
    );
    return {
      topics: new Set(members.map(({ topicHandle }) => topicHandle)),
      ofOneTopic: members.slice(0, 40).map(({ peerHandle }) => peerHandle),
    };
  });

  const topics = given.flatMap((node) => [...node.topics]);
  const members = given.flatMap(({ ofOneTopic }) => ofOneTopic);
  expect(new Set(topics).size).toBe(2 * NODES);
  expect(new Set(members).size).toBe(40 * NODES);
  expect(Math.min(...topics, ...members)).toBe(1);
});

it("keeps to its share of the handles when they begin again, and never gives one that is in use", () => {
  const handles = new Handles({ nodeIndex: 1, nodeCount: 3 }, 11);
  const inUse = new Set([5]);

  const given = Array.from({ length: 6 }, () => handles.next((handle) => inUse.has(handle)));

  expect(given).toEqual([2, 8, 11, 2, 8, 11]);
});
