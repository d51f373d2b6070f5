import { expect, it } from "vitest";
import { Takeovers } from "../../relay/auth/takeovers.ts";
import { TopicDialect } from "../../relay/dialects/topic/topic-dialect.ts";
import { Handles } from "../../relay/hub/handles.ts";
import { Hub } from "../../relay/hub/hub.ts";
import type { HoldNotice } from "../../relay/hub/ports.ts";
import { type Member, Topic } from "../../relay/hub/topic.ts";
import { Traffic } from "../../relay/hub/traffic.ts";
import { frameTexts } from "../support/frame-texts.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { FakeConnection } from "../support/session-connection.ts";
import { TestTime } from "../support/test-time.ts";

const encoding = new PlainEncoding();

/** A topic with so many members, of handles up to a bound. */
function topicOf(count: number, maxHandle?: number) {
  const hub = new Hub(hubOptions(), { time: new TestTime() });
  const handles = new Handles({ nodeIndex: 0, nodeCount: 1 }, maxHandle);
  const topic = new Topic("t", 1, { onTrouble: () => undefined, handles });
  const add = (peerId: string) =>
    topic.add(hub.connect(new RecordingLink()), { peerId }, { encoding, delivered: new Traffic() });
  const members = Array.from({ length: count }, (_, index) => add(`${index}`));
  return { topic, add, members };
}

it("gives the members behind a handle in the order of handles, also where these have begun again", () => {
  const { topic, add, members } = topicOf(5, 6);
  for (const member of members.slice(0, 3)) topic.remove(member);
  for (const peerId of ["5", "6", "7"]) add(peerId);

  expect([...topic.members()].map(({ peerHandle }) => peerHandle)).toEqual([4, 5, 6, 1, 2]);
  expect([...topic.membersAfter(0)].map(({ peerHandle }) => peerHandle)).toEqual([1, 2, 4, 5, 6]);
  expect([...topic.membersAfter(2)].map(({ peerHandle }) => peerHandle)).toEqual([4, 5, 6]);
  expect([...topic.membersAfter(6)]).toEqual([]);
});

it.each([0, 2, 4])(
  "samples every other member equally often, in every place, and never the one who asks (place %i)",
  (own) => {
    const { topic, members } = topicOf(5);
    const asker = members[own] as Member;
    const rounds = 20_000;
    const counts = new Map<string, number>();

    for (let round = 0; round < rounds; round += 1) {
      const sample = topic.sample(2, asker);
      expect(new Set(sample).size).toBe(2);
      for (const [place, member] of sample.entries()) {
        const key = `${member.peerId} ${place}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }

    expect(counts.size).toBe(8);
    expect([...counts.keys()].some((key) => key.startsWith(`${own} `))).toBe(false);
    // One in four each; 10 % is more than 7 standard deviations.
    for (const count of counts.values()) expect(Math.abs(count / rounds - 0.25)).toBeLessThan(0.025);
  },
);

it("samples as many as there are where more are wanted, and none where none is", () => {
  const { topic, members } = topicOf(5);
  const [asker, second] = members as [Member, Member];

  expect(new Set(topic.sample(1_000_000, asker))).toEqual(new Set(members.slice(1)));
  expect(topic.sample(0, asker)).toEqual([]);
  topic.remove(second);
  expect(new Set(topic.sample(9, second))).toEqual(new Set([asker, ...members.slice(2)]));
  expect(topic.sample(9, asker)).not.toContain(second);
});

/** A hub with members of which each takes payloads of a size, and its links. */
function hubWith(maxima: readonly (number | undefined)[], takes = new PlainEncoding()) {
  const hub = new Hub(hubOptions({ outboxHighWaterBytes: 1000 }), { time: new TestTime() });
  const links = maxima.map(() => new RecordingLink());
  const members = links.map((link, index) => {
    const naming = { topicName: "t", peerId: `${index}`, encoding: takes, maxPayloadBytes: maxima[index] };
    return hub.join(hub.connect(link), naming, () => []);
  });
  for (const link of links) link.frames.length = 0;
  const typesOf = (index: number) => links[index]?.frames.map((frame) => (frame as { type: string }).type);
  return { hub, links, members: members as [Member, Member, Member], typesOf };
}

it("tells a member that a message was left out which it does not take, in the place of the message", () => {
  const { hub, members, typesOf } = hubWith([undefined, 3, undefined]);
  const [sender, , third] = members;

  for (const text of ["ab!", "abc!", "ab!"]) hub.publish(sender, textPayload(text));
  hub.send(third, 2, textPayload("abc!"));
  hub.sendToList(third, [1, 2], textPayload("abc!"));
  hub.sendKind(third, "offer", 2, textPayload("abc!"));

  expect(typesOf(1)).toEqual(["data", "omitted", "data", "omitted", "omitted", "omitted"]);
  expect(typesOf(2)).toEqual(["data", "data", "data"]);
});

it("takes everything from a member that says so later, and the other way round; and nothing with a maximum of 0", () => {
  const { hub, members, typesOf } = hubWith([undefined, 0, undefined]);
  const [sender, second, third] = members;
  hub.publish(sender, textPayload("x"));
  hub.changeDelivery(second, { encoding, maxPayloadBytes: undefined });
  hub.changeDelivery(third, { encoding, maxPayloadBytes: 1 });

  hub.publish(sender, textPayload("xx"));
  hub.leave(third);
  hub.publish(sender, textPayload("xxx"));

  expect([typesOf(1), typesOf(2)]).toEqual([
    ["omitted", "data", "peer-left", "data"],
    ["data", "omitted"],
  ]);
});

it("says nothing in place of a message to a member that has no word for it", () => {
  const { hub, members, typesOf } = hubWith([undefined, 1], new PlainEncoding({ hasKinds: false }));

  hub.publish(members[0], textPayload("xx"));

  expect(typesOf(1)).toEqual([]);
});

it("looks at no member where all take everything, and at each once where one does not", () => {
  const { topic, members } = topicOf(2000);
  let looks = 0;
  const payload = Object.assign(textPayload("xx"), { isLargerThan: () => (looks += 1) > 0 });

  expect(topic.tooSmallFor(payload, members[0] as Member, []).size).toBe(0);
  expect(looks).toBe(0);
  topic.change(members[1] as Member, { encoding, delivered: new Traffic() }, 1);
  expect([...topic.tooSmallFor(payload, members[0] as Member, [])]).toEqual([members[1]]);
  expect(looks).toBe(1);
});

it("sends to a list: each once, without the sender, those that are not there, and those that are doubled", () => {
  const { hub, members, typesOf, links } = hubWith([undefined, undefined, undefined]);
  const [sender] = members;

  expect(hub.sendToList(sender, [3, 1, 99, 2, 3, 3], textPayload("x"))).toBe(2);
  expect(hub.sendToList(sender, [1, 99], textPayload("x"))).toBe(0);

  expect([typesOf(0), typesOf(1), typesOf(2)]).toEqual([[], ["data"], ["data"]]);
  expect(links[2]?.frames).toMatchObject([{ to: 3, peerHandle: 1 }]);
  expect(hub.counts()).toMatchObject({ messages: 2, bytes: 2 });
});

it("holds a list for those who have no room as so many single messages, and gives it to the rest at once", () => {
  const hub = new Hub(hubOptions({ outboxHighWaterBytes: 10_000 }), { time: new TestTime() });
  const senderLink = new RecordingLink();
  const rules = { holdLimitBytes: 20_000, encodeNotice: (notice: HoldNotice) => Buffer.from(JSON.stringify(notice)) };
  const sender = hub.join(hub.connect(senderLink, rules), { topicName: "t", peerId: "s", encoding }, () => []);
  const links = Array.from({ length: 64 }, (_, index) => new RecordingLink({ isReading: index === 63 }));
  const members = links.map((link, index) =>
    hub.join(hub.connect(link), { topicName: "t", peerId: `${index}`, encoding }, () => []),
  );
  for (const member of members.slice(0, 63)) hub.send(sender, member.peerHandle, textPayload("x".repeat(10_000)));
  for (const link of [senderLink, ...links]) link.frames.length = 0;
  expect(hub.counts()).toMatchObject({ congested: 63, heldBytes: 0 });

  const count = hub.sendToList(
    sender,
    members.map(({ peerHandle }) => peerHandle),
    textPayload("y"),
  );

  expect(count).toBe(64);
  expect(links.map(({ frames }) => frames.length)).toEqual([...Array.from({ length: 63 }, () => 0), 1]);
  expect(hub.counts().heldBytes).toBeGreaterThanOrEqual(63 * 512);
  expect(senderLink.isPaused).toBe(true);
  expect(senderLink.frames).toEqual(Array.from({ length: 63 }, () => expect.objectContaining({ state: "congested" })));
  for (const member of members.slice(0, 63)) hub.disconnect(member.peer);
  expect([hub.counts().heldBytes, senderLink.isPaused]).toEqual([0, false]);
});

it("writes a list once where frames are alike, and gives nothing to those that end meanwhile", () => {
  const alike = Object.assign(new PlainEncoding(), { isAlikeForAll: () => true });
  const hub = new Hub(hubOptions({ maxOutboxBytes: 300 }), { time: new TestTime() });
  const open = (link: RecordingLink, peerId: string) => {
    const peer = hub.connect(link);
    return hub.join(peer, { topicName: "t", peerId, encoding: alike }, () => []);
  };
  const sender = open(new RecordingLink(), "s");
  const links = [new RecordingLink({ isReading: false }), new RecordingLink({ isReading: false }), new RecordingLink()];
  const members = links.map((link, index) => open(link, `${index}`));
  for (const link of links.slice(0, 2)) link.bufferedBytes = 299;
  const before = alike.encodeCount;

  hub.sendToList(
    sender,
    members.map(({ peerHandle }) => peerHandle),
    textPayload("x"),
  );

  // Once for the data, and for each peer-left.
  expect(alike.encodeCount - before).toBeLessThanOrEqual(3);
  expect(links[2]?.frames.filter((frame) => (frame as { type: string }).type === "data")).toHaveLength(1);
});

it("lists nobody in a page whose coming is yet to be told, and who is cut off before that", () => {
  const time = new TestTime();
  const hub = new Hub(hubOptions({ outboxHighWaterBytes: 2000 }), { time });
  const limits = { maxFrameBytes: 1_000_000, maxTopicsPerConnection: 10, maxPayloadBytes: 1_000_000 };
  const parts = { hub, limits, pingIntervalMs: 25_000, time, takeovers: new Takeovers(), nowMs: () => 0 };
  const dialect = new TopicDialect(parts);
  const open = (peerId: string, isReading: boolean) => {
    const frames: Uint8Array[] = [];
    const link = new RecordingLink({ isReading });
    const send = link.send.bind(link);
    link.send = (frame) => {
      frames.push(frame);
      send(frame);
    };
    const session = dialect.open(link, new FakeConnection({}, link), { subprotocol: "postern.v1" });
    const say = (message: object) => session.receive(Buffer.from(JSON.stringify(message)), false, true);
    say({ type: "join", topic: "t", peerId });
    return { session, link, say, texts: () => frameTexts(frames) };
  };
  const [slow, sender] = [open("slow", false), open("sender", true)];
  sender.say({ type: "data", topic: "t", data: "x".repeat(3000) });
  const passing = open("passing", true);
  open("staying", true);

  slow.say({ type: "members", topic: "t", after: 0 });
  passing.session.end("cut");
  slow.link.drain(slow.link.bufferedBytes);
  time.settle();

  const messages = slow
    .texts()
    .map((text) => JSON.parse(text) as { type: string; peerId?: string; members?: object[] });
  expect(messages.find(({ type }) => type === "members")?.members).toMatchObject([{ peerId: "sender" }]);
  expect(messages.slice(-1)).toMatchObject([{ type: "peer-joined", peerId: "staying" }]);
  expect(slow.texts().filter((text) => text.includes("passing"))).toEqual([]);
});
