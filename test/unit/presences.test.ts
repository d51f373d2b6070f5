import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import { Peer } from "../../relay/hub/peer.ts";
import type { HubEvent } from "../../relay/hub/ports.ts";
import { Presences } from "../../relay/hub/presences.ts";
import { type Member, Topic } from "../../relay/hub/topic.ts";
import { Traffic } from "../../relay/hub/traffic.ts";
import { big, encoding, HIGH_WATER_BYTES, HoldsScene, seen, type Who } from "../support/holds-scene.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

const CHANGE_COUNT = 10_000;
const presencesOf = (who: Who) => seen(who).filter((text) => text.startsWith("presence "));

it("tells all others in the next turn what a member shows, and of several changes the last", () => {
  const scene = new HoldsScene();
  const [a, b, c] = [scene.join("a"), scene.join("b"), scene.join("c")];

  for (const presence of ["1", "2", "3"]) scene.hub.show(a.member, presence);
  const within = [b, c].flatMap(presencesOf);
  scene.time.turn();

  expect(within).toEqual([]);
  expect([a, b, c].map(presencesOf)).toEqual([[], ["presence a 3"], ["presence a 3"]]);
});

it("writes it once for all of one encoding, and counts each that is given", () => {
  const { time, hub } = new HoldsScene();
  const own = new PlainEncoding();
  const [a] = ["a", "b", "c", "d"].map((peerId) =>
    hub.join(hub.connect(new RecordingLink()), { topicName: "t", peerId, encoding: own }, () => []),
  ) as [Member];
  const before = own.encodeCount;

  hub.show(a, "x");
  time.settle();

  expect([own.encodeCount - before, hub.delivered(own).messageCount]).toEqual([1, 3]);
});

it("tells with its coming what a member shows, and nothing more of it to who has come since", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const a = scene.join("a");
  const link = new RecordingLink();
  const b = hub.join(hub.connect(link), { topicName: "t", peerId: "b", presence: "at first", encoding }, () => []);

  hub.show(b, "later");
  const late = scene.join("late");
  scene.time.settle();

  expect(seen(a)).toEqual(["peer-joined b at first", "peer-joined late", "presence b later"]);
  expect(seen(late)).toEqual([]);
  expect([b.presence, late.member.presence]).toEqual(["later", undefined]);
});

it("tells nothing to members that have no word for it", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const classic = new RecordingLink();
  const silent = new PlainEncoding({ hasKinds: false });
  const a = scene.join("a");
  hub.join(hub.connect(classic), { topicName: "t", peerId: "classic", encoding: silent }, () => []);

  hub.show(a.member, "x");
  scene.time.settle();

  expect(classic.frames).toEqual([]);
});

it("costs a reader that takes nothing one frame for 10,000 changes, and then the last one", () => {
  const scene = new HoldsScene();
  const slow = scene.joinSlow();
  const a = scene.join("a");
  slow.link.drain(slow.link.bufferedBytes);

  for (let count = 1; count <= CHANGE_COUNT; count += 1) {
    scene.hub.show(a.member, `${count}`);
    scene.time.turn();
  }
  const whileStalled = presencesOf(slow);
  scene.readAll(slow);

  expect(whileStalled).toEqual(["presence a 1"]);
  expect(presencesOf(slow)).toEqual(["presence a 1", `presence a ${CHANGE_COUNT}`]);
  expect([scene.hub.counts().heldBytes, a.link.isPaused]).toEqual([0, false]);
});

it("gives a reader what many show in parts, each when the one before has been written", () => {
  const scene = new HoldsScene({ outboxHighWaterBytes: 100_000, maxOutboxBytes: 200_000 });
  const slow = scene.joinSlow();
  const others = Array.from({ length: 150 }, (_, index) => scene.join(`${index}`));
  slow.link.drain(slow.link.bufferedBytes);
  for (const { member } of others) scene.hub.show(member, "x".repeat(900));

  scene.time.settle();
  const atFirst = presencesOf(slow).length;
  scene.readAll(slow);

  expect(atFirst).toBe(64);
  expect(new Set(presencesOf(slow)).size).toBe(150);
  expect(presencesOf(slow)).toHaveLength(150);
});

it("waits until what it told of all topics has been written, not of the first alone", () => {
  const scene = new HoldsScene();
  const { hub, time } = scene;
  const [slow, a] = [scene.joinSlow(), scene.join("a")];
  const join = ({ member }: Who) => hub.join(member.peer, { topicName: "u", peerId: "other", encoding }, () => []);
  const [, inOther] = [join(slow), join(a)];
  scene.readAll(slow);
  hub.show(a.member, "1");
  time.turn();
  const frameBytes = slow.link.bufferedBytes;
  hub.show(a.member, "2");
  hub.show(inOther, "1");

  slow.link.drain(frameBytes);
  time.turn();
  slow.link.drain(frameBytes);
  hub.show(inOther, "2");
  time.settle();
  const whileOneWaits = presencesOf(slow);
  scene.readAll(slow);

  expect(whileOneWaits).toEqual(["presence a 1", "presence a 2", "presence other 1"]);
  expect(presencesOf(slow).slice(3)).toEqual(["presence other 2"]);
});

it("gives nothing more in a round either, until what it told has been written", () => {
  const scene = new HoldsScene();
  const { hub, time } = scene;
  const [slow, a] = [scene.joinSlow(), scene.join("a")];
  const join = ({ member }: Who) => hub.join(member.peer, { topicName: "u", peerId: "other", encoding }, () => []);
  const [, inOther] = [join(slow), join(a)];
  scene.readAll(slow);
  hub.show(a.member, "0");
  time.turn();
  const frameBytes = slow.link.bufferedBytes;
  hub.publish(a.member, textPayload("x".repeat(HIGH_WATER_BYTES - 155)));
  hub.show(a.member, `1${"x".repeat(80)}`);
  hub.show(inOther, "1");
  time.turn();
  // Now it is told in one topic, and has no room for the other.
  slow.link.drain(frameBytes);
  time.turn();
  const [told, hasRoom] = [presencesOf(slow), slow.member.peer.outbox.hasRoom];
  hub.show(a.member, "2");

  slow.link.drain(slow.link.bufferedBytes - 20);
  time.settle();

  expect([told, hasRoom]).toEqual([["presence a 0", expect.stringContaining("presence a 1x")], false]);
  expect(presencesOf(slow)).toEqual(told);
  scene.readAll(slow);
  expect(presencesOf(slow).slice(2).toSorted()).toEqual(["presence a 2", "presence other 1"]);
});

it("stays below the high-water mark and a frame, whatever is shown", () => {
  const scene = new HoldsScene();
  const slow = scene.joinSlow();
  const others = Array.from({ length: 30 }, (_, index) => scene.join(`${index}`));
  scene.readAll(slow);
  for (const { member } of others) scene.hub.show(member, "x".repeat(300));
  let most = 0;

  for (let turn = 0; turn < 100; turn += 1) {
    scene.time.settle();
    most = Math.max(most, slow.link.bufferedBytes);
    slow.link.drain(slow.link.bufferedBytes);
  }

  expect(most).toBeGreaterThan(HIGH_WATER_BYTES / 2);
  expect(most).toBeLessThan(HIGH_WATER_BYTES + 500);
  expect(presencesOf(slow)).toHaveLength(30);
});

it("reaches a reader for whom there is always something held", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const [flooder, a] = [scene.join("flooder", "v1"), scene.join("a")];
  const flood = () => {
    while (!flooder.link.isPaused) hub.publish(flooder.member, textPayload("x".repeat(300)));
  };
  flood();

  hub.show(a.member, "seen");
  let hadRoom = false;
  for (let round = 0; round < 50; round += 1) {
    slow.link.drain(Math.min(slow.link.bufferedBytes, 300));
    scene.time.turn();
    flood();
    hadRoom ||= slow.member.peer.outbox.hasRoom;
  }

  expect([hadRoom, presencesOf(slow)]).toEqual([false, ["presence a seen"]]);
});

it("comes behind the coming of its member, which tells it already where that was held", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const [sender, a] = [scene.join("sender", "v1"), scene.join("a")];
  scene.readAll(slow);
  hub.publish(sender.member, big);
  for (let count = 0; count < 3; count += 1) hub.publish(sender.member, textPayload("x".repeat(400)));
  const late = scene.join("late");
  hub.show(late.member, "1");
  hub.show(a.member, "known");
  const before = slow.link.frames.length;

  // Room for one message of a round: the newcomer's turn is in a later one.
  slow.link.drain(slow.link.bufferedBytes - 700);
  scene.time.settle();
  hub.show(late.member, "2");
  scene.readAll(slow);

  const ofLate = seen(slow)
    .slice(before)
    .filter((text) => text.includes("late"));
  expect(ofLate).toEqual(["peer-joined late 2", "presence late 2"]);
  expect(presencesOf(slow)[0]).toBe("presence a known");
});

it("says nothing of who has left, under an old name, or to who is being closed", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const [reader, leaver, renamed, cut] = ["reader", "leaver", "renamed", "cut"].map((name) => scene.join(name)) as [
    Who,
    Who,
    Who,
    Who,
  ];
  const closing = scene.join("closing");
  for (const { member } of [leaver, renamed, cut]) hub.show(member, "gone");

  hub.leave(leaver.member);
  hub.join(renamed.member.peer, { topicName: "t", peerId: "other", encoding }, () => []);
  hub.disconnect(cut.member.peer);
  hub.stopDelivering(closing.member.peer);
  scene.time.settle();
  hub.show(reader.member, "unseen");
  scene.time.settle();

  expect([presencesOf(reader), presencesOf(closing)]).toEqual([[], []]);
  expect(seen(renamed).slice(-2)).toEqual(["peer-left cut", "presence reader unseen"]);
});

it("is taken by the topic's rate, which makes its sender wait, and is told to the hooks", () => {
  const bytes: number[] = [];
  const told: HubEvent[] = [];
  const rate = { published: (byteLength: number) => bytes.push(byteLength) * 100 };
  const hooks = {
    topicOpened: () => undefined,
    topicClosed: () => undefined,
    published: (_: string, event: HubEvent) => void told.push(event),
  };
  const hub = new Hub(hubOptions(), { time: new TestTime(), createTopicRate: () => rate, hooks });
  const link = new RecordingLink();
  const member = hub.join(hub.connect(link), { topicName: "t", peerId: "a", encoding }, () => []);

  hub.show(member, "字");

  expect([bytes, link.waitsMs]).toEqual([[3], [100]]);
  expect(told.at(-1)).toEqual({ type: "presence", member });
});

it("ends a reader whose outbox another's answers have filled, and not in the middle of telling", () => {
  const scene = new HoldsScene({ outboxHighWaterBytes: 100_000, maxOutboxBytes: 100_000 });
  const slow = scene.joinSlow();
  const others = Array.from({ length: 200 }, (_, index) => scene.join(`${index}`));
  scene.readAll(slow);
  scene.hub.offer(slow.member.peer, new Uint8Array(99_000));
  for (const { member } of others) scene.hub.show(member, "x".repeat(900));

  scene.time.settle();
  scene.hub.offer(slow.member.peer, new Uint8Array(10));

  expect(slow.link.closed).toMatchObject({ code: 1013 });
  expect(presencesOf(others[0] as Who)).toHaveLength(199);
});

/** What is kept while somebody waits, and that none of it is left. */
function bareScene() {
  const time = new TestTime();
  const given: string[] = [];
  const presences = new Presences({
    time,
    isNews: () => false,
    give: (to, event, _origin, frame) => {
      given.push(`${to.peerId} < ${event.type}`);
      to.peer.link.send(frame);
    },
    afterGiving: () => undefined,
  });
  const topic = new Topic("t", 1, { onTrouble: () => undefined });
  const join = (peerId: string, link: RecordingLink): Member => {
    const peer = new Peer<Member>(link, hubOptions(), { holdLimitBytes: 0 });
    const member = topic.add(peer, { peerId }, { encoding, delivered: new Traffic() });
    peer.add(member);
    return member;
  };
  return { time, given, presences, topic, join };
}

it("keeps nothing about readers that have got all, or have gone", () => {
  const { time, given, presences, topic, join } = bareScene();
  const [slowLink, goneLink] = [new RecordingLink({ isReading: false }), new RecordingLink({ isReading: false })];
  const [a, , gone] = [join("a", new RecordingLink()), join("slow", slowLink), join("gone", goneLink)];
  const show = (presence: string) => {
    topic.show(a, presence);
    presences.changed(topic);
    time.settle();
  };

  show("1");
  const whileWaiting = presences.waitingCount;
  presences.gone(gone.peer);
  goneLink.drain(goneLink.bufferedBytes);
  slowLink.drain(slowLink.bufferedBytes);
  time.settle();

  expect([whileWaiting, presences.waitingCount]).toEqual([2, 0]);
  expect(given).toEqual(["slow < presence", "gone < presence"]);
});
