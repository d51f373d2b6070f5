import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import type { HubOptions } from "../../relay/hub/hub-parts.ts";
import type { HoldNotice } from "../../relay/hub/ports.ts";
import type { Member } from "../../relay/hub/topic.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

const HIGH_WATER_BYTES = 1000;
const HOLD_LIMIT_BYTES = 3100;
const encoding = new PlainEncoding();
const welcome = () => [];
const big = textPayload("x".repeat(HIGH_WATER_BYTES));
const small = (text: string) => textPayload(text);

type Who = { readonly link: RecordingLink; readonly member: Member; readonly notices: HoldNotice[] };

/** A hub with a topic "t". Who is `slow` takes only what it is told to; a v1 member is told of what is held of it. */
function scene(changes: Partial<HubOptions> = {}) {
  const time = new TestTime();
  const options = hubOptions({ outboxHighWaterBytes: HIGH_WATER_BYTES, maxOutboxBytes: 100_000, ...changes });
  const hub = new Hub(options, { time });
  const connect = (dialect: "classic" | "v1", isReading: boolean) => {
    const link = new RecordingLink({ isReading });
    const notices: HoldNotice[] = [];
    const encodeNotice = (notice: HoldNotice) => {
      notices.push(notice);
      return new TextEncoder().encode(JSON.stringify({ type: notice.state }));
    };
    const rules = dialect === "v1" ? { holdLimitBytes: HOLD_LIMIT_BYTES, encodeNotice } : { holdLimitBytes: 0 };
    return { link, notices, peer: hub.connect(link, rules) };
  };
  const join = (name: string, dialect: "classic" | "v1" = "classic", isReading = true): Who => {
    const { link, notices, peer } = connect(dialect, isReading);
    return { link, notices, member: hub.join(peer, { topicName: "t", peerId: name, encoding }, welcome) };
  };
  /** It takes all that waits, turn after turn. */
  const readAll = ({ link }: Who) => {
    do link.drain(link.bufferedBytes);
    while (time.turn() || link.bufferedBytes > 0);
  };
  return { hub, time, connect, join, readAll };
}

/** What a reader was sent by members, in short. */
const seen = ({ link }: Who) =>
  link.frames.map((frame) => {
    const { type, peerId, payload, count } = frame as {
      type: string;
      peerId?: string;
      payload?: string;
      count?: number;
    };
    return [type, peerId, payload?.slice(0, 8), count].filter((part) => part !== undefined).join(" ");
  });

it("gives a message at once to who has room, and holds it for who has not until a quarter is left", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const quick = join("quick");
  const sender = join("sender");
  slow.link.drain(slow.link.bufferedBytes);
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("second"));
  const toQuick = seen(quick).slice(-2);
  const toSlow = seen(slow).at(-1);

  slow.link.drain(slow.link.bufferedBytes - 251);
  const stillHeld = seen(slow).at(-1);
  slow.link.drain(1);

  expect(toQuick).toEqual(["data sender xxxxxxxx", "data sender second"]);
  expect([toSlow, stillHeld, seen(slow).at(-1)]).toEqual([
    "data sender xxxxxxxx",
    "data sender xxxxxxxx",
    "data sender second",
  ]);
});

it("does not read a classic sender while anything of it is held, and nobody else because of it", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender");
  const other = join("other");
  hub.publish(sender.member, big);
  const afterFirst = sender.link.isPaused;

  hub.publish(sender.member, small("held"));
  const afterSecond = [sender.link.isPaused, other.link.isPaused, slow.link.isPaused];
  readAll(slow);

  expect([afterFirst, afterSecond, sender.link.isPaused]).toEqual([false, [true, false, false], false]);
  expect(hub.counts()).toMatchObject({ pauses: 1, heldBytes: 0, congested: 0, outboxesFull: 0 });
});

it("reads a v1 sender on until more than its limit is held, and again when it is less", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);

  const held: boolean[] = [];
  for (let count = 0; count < 3; count += 1) {
    hub.publish(sender.member, big);
    held.push(sender.link.isPaused);
  }
  readAll(slow);

  expect(held).toEqual([false, false, true]);
  expect(sender.link.isPaused).toBe(false);
});

it("keeps a message for each that is owed it, and counts its bytes once", () => {
  const { hub, join, readAll } = scene();
  const first = join("first", "classic", false);
  const second = join("second", "classic", false);
  const sender = join("sender");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("held"));
  const { heldBytes } = hub.counts();

  readAll(first);
  const afterOne = [sender.link.isPaused, hub.counts().heldBytes];
  readAll(second);

  expect(heldBytes).toBe(512 + 4);
  expect([afterOne, sender.link.isPaused, hub.counts().heldBytes]).toEqual([[true, heldBytes], false, 0]);
});

it("gives one message of each sender per round, and one round per turn", () => {
  const { hub, join, time } = scene();
  const slow = join("slow", "classic", false);
  const senders = ["a", "b"].map((name) => join(name, "v1"));
  const [a, b] = senders;
  if (a === undefined || b === undefined) throw new Error("two");
  hub.publish(a.member, big);
  for (const text of ["a1", "a2"]) hub.publish(a.member, small(text));
  for (const text of ["b1", "b2"]) hub.publish(b.member, small(text));

  slow.link.drain(slow.link.bufferedBytes);
  const firstRound = seen(slow).slice(-2);
  time.settle();

  expect(firstRound).toEqual(["data a a1", "data b b1"]);
  expect(seen(slow).slice(-4)).toEqual(["data a a1", "data b b1", "data a a2", "data b b2"]);
});

it("holds what is sent to one that has no room: by data and by signals, not by what is for others", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  const other = join("other");
  hub.publish(sender.member, big);

  hub.send(sender.member, slow.member.peerHandle, small("to slow"));
  hub.sendKind(sender.member, "offer", slow.member.peerHandle, small("sdp"));
  hub.send(sender.member, other.member.peerHandle, small("to other"));

  expect(seen(slow).at(-1)).toBe("data sender xxxxxxxx");
  expect(seen(other).at(-1)).toBe("data sender to other");
  slow.link.drain(slow.link.bufferedBytes);
  expect(seen(slow).at(-1)).toBe("data sender to slow");
});

it("tells a v1 sender what is congested, by topic and by addressee, once, and when it is relieved", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("1"));
  hub.publish(sender.member, small("2"));
  hub.send(sender.member, slow.member.peerHandle, small("3"));
  const told = [...sender.notices];

  readAll(slow);

  const to = slow.member.peerHandle;
  expect(told).toEqual([
    { state: "congested", topicName: "t", to: undefined, heldBytes: 513 },
    { state: "congested", topicName: "t", to, heldBytes: 3 * 513 },
  ]);
  expect(sender.notices.slice(2)).toEqual([
    { state: "relieved", topicName: "t", to: undefined, heldBytes: 513 },
    { state: "relieved", topicName: "t", to, heldBytes: 0 },
  ]);
});

it("does not take a topic whose name ends like an addressee for one", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  const topicName = `t ${slow.member.peerHandle}`;
  hub.join(slow.member.peer, { topicName, peerId: "slow", encoding }, welcome);
  const inOther = hub.join(sender.member.peer, { topicName, peerId: "sender", encoding }, welcome);
  hub.publish(sender.member, big);

  hub.send(sender.member, slow.member.peerHandle, small("1"));
  hub.publish(inOther, small("2"));

  expect(sender.notices.map(({ topicName: name, to }) => [name, to])).toEqual([
    ["t", slow.member.peerHandle],
    [topicName, undefined],
  ]);
});

it("tells a v1 sender again every 5 s while it is not read, and not while it is", () => {
  const { hub, join, time } = scene();
  join("slow", "classic", false);
  const paused = join("paused", "v1");
  const read = join("read", "v1");
  hub.publish(paused.member, big);
  for (let count = 0; count < 3; count += 1) hub.publish(paused.member, big);
  hub.publish(read.member, small("held"));

  const counts: number[] = [];
  for (time.nowMs = 0; time.nowMs <= 12_000; time.nowMs += 250) {
    hub.endOverdueReaders();
    if (time.nowMs % 4750 === 0) counts.push(paused.notices.length);
  }

  expect(counts).toEqual([1, 1, 2]);
  expect(paused.notices).toHaveLength(3);
  expect(read.notices).toHaveLength(1);
});

it("ends a chain of senders, each by the notice that the end of the one before is to it, without recursion", () => {
  const { hub, connect } = scene({ maxOutboxBytes: 200_000 });
  const chain = Array.from({ length: 5000 }, () => connect("v1", false));
  const frame = new TextEncoder().encode("{}");
  for (const [index, { peer, link }] of chain.entries()) {
    hub.join(peer, { topicName: `${index}`, peerId: "to", encoding }, welcome);
    const next = chain[index + 1];
    const from = next && hub.join(next.peer, { topicName: `${index}`, peerId: "from", encoding }, welcome);
    link.bufferedBytes = HIGH_WATER_BYTES;
    hub.offer(peer, frame);
    if (from !== undefined) hub.publish(from, small("held"));
  }
  for (const { link } of chain) link.bufferedBytes = 200_000;
  const [first] = chain;

  if (first !== undefined) hub.offer(first.peer, frame);

  expect(hub.counts()).toMatchObject({ peers: 0, topics: 0, heldBytes: 0, outboxesFull: 5000 });
});

it("delivers what is held of a connection that closed as it should, and its farewell behind it", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const quick = join("quick");
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("held"));

  hub.disconnect(sender.member.peer, "closed");
  const toQuick = seen(quick).at(-1);
  readAll(slow);

  expect(toQuick).toBe("peer-left sender");
  expect(seen(slow).slice(-2)).toEqual(["data sender held", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ heldBytes: 0, drops: { deadline: 0 } });
});

it("gives up what is held of a closed connection at its deadline: who missed it is told, and counted", () => {
  const { hub, join, time } = scene({ drainTimeoutMs: 8000 });
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  for (const text of ["1", "2"]) hub.publish(sender.member, small(text));
  hub.disconnect(sender.member.peer, "closed");

  time.nowMs = 7999;
  hub.endOverdueReaders();
  const before = seen(slow).at(-1);
  time.nowMs = 8000;
  hub.endOverdueReaders();

  expect(before).toBe("data sender xxxxxxxx");
  expect(seen(slow).slice(-2)).toEqual(["omitted sender 2", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ heldBytes: 0, drops: { deadline: 2 } });
});

it("gives up what is held of a connection that is cut off, and tells who missed it", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("lost"));

  hub.disconnect(sender.member.peer, "cut");

  expect(seen(slow).slice(-2)).toEqual(["omitted sender 1", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ heldBytes: 0, drops: { "sender-gone": 1 } });
});

it("tells of messages that were too large for a reader too, where the sender is cut off before that was told", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.changeDelivery(slow.member, { encoding, maxPayloadBytes: 100 });
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("lost"));

  hub.disconnect(sender.member.peer, "cut");

  expect(seen(slow).slice(-2)).toEqual(["omitted sender 2", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ drops: { "sender-gone": 1 } });
});

it("says a farewell that was held when its sender was cut off afterwards", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.leave(sender.member);
  const beforeCut = seen(slow).at(-1);

  hub.disconnect(sender.member.peer, "cut");

  expect([beforeCut, seen(slow).at(-1)]).toEqual(["data sender xxxxxxxx", "peer-left sender"]);
});

it("says nothing of who came and was cut off before a reader had room for either", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender");
  hub.publish(sender.member, big);
  const stranger = join("stranger", "v1");
  hub.publish(stranger.member, small("of a stranger"));

  hub.disconnect(stranger.member.peer, "cut");
  readAll(slow);

  expect(seen(slow).filter((what) => what.includes("stranger"))).toEqual([]);
});

it("tells nobody of messages that are omitted whose dialect has no word for it", () => {
  const { hub, join } = scene();
  const link = new RecordingLink({ isReading: false });
  const deaf = new PlainEncoding({ hasKinds: false });
  hub.join(hub.connect(link), { topicName: "t", peerId: "slow", encoding: deaf }, welcome);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("lost"));

  hub.disconnect(sender.member.peer, "cut");

  expect(link.frames.at(-1)).toMatchObject({ type: "peer-left", peerId: "sender" });
  expect(link.frames.at(-2)).toMatchObject({ type: "data" });
});

it("announces the new owner of a name after the old one's farewell, though another connection owes it", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const before = join("name", "v1");
  hub.publish(before.member, big);
  for (const text of ["1", "2"]) hub.publish(before.member, small(text));
  hub.disconnect(before.member.peer, "closed");

  const after = join("name", "v1");
  hub.publish(after.member, small("3"));
  readAll(slow);

  expect(seen(slow).slice(-5)).toEqual([
    "data name 1",
    "data name 2",
    "peer-left name",
    "peer-joined name",
    "data name 3",
  ]);
});

it("still owes a member under its new name what it owed it under the old", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("held"));
  join("newcomer");

  hub.join(slow.member.peer, { topicName: "t", peerId: "renamed", encoding }, undefined);
  readAll(slow);

  expect(seen(slow).slice(-2).toSorted()).toEqual(["data sender held", "peer-joined newcomer"]);
});

it("owes a member that is told anew who is there nothing of comings and goings before", () => {
  const { hub, join, readAll } = scene();
  const slow = join("slow", "v1", false);
  const sender = join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("held"));
  join("newcomer");

  hub.join(slow.member.peer, { topicName: "t", peerId: "renamed", encoding }, welcome);
  readAll(slow);

  expect(seen(slow).slice(-2)).toEqual(["data sender xxxxxxxx", "data sender held"]);
});

it("keeps a topic with its rate and handles for the one member that takes another name", () => {
  let ratesCreated = 0;
  const hub = new Hub(hubOptions(), {
    time: new TestTime(),
    createTopicRate: () => {
      ratesCreated += 1;
      return undefined;
    },
  });
  const alone = hub.join(hub.connect(new RecordingLink()), { topicName: "t", peerId: "a", encoding }, welcome);

  const renamed = hub.join(alone.peer, { topicName: "t", peerId: "b", encoding }, welcome);

  expect([ratesCreated, alone.peerHandle, renamed.peerHandle]).toEqual([1, 1, 2]);
  expect(renamed.topic).toBe(alone.topic);
});

it.each([
  ["leaves", "leave"],
  ["is gone", "disconnect"],
] as const)("owes nothing to a member that %s, and reads its sender on", (_what, how) => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("held"));

  if (how === "leave") hub.leave(slow.member);
  else hub.disconnect(slow.member.peer);

  expect(sender.link.isPaused).toBe(false);
  expect(hub.counts().heldBytes).toBe(0);
});

it("reads who holds more than one message no more where all holds are above their bound, until a quarter is free", () => {
  const { hub, join, readAll } = scene({ maxHeldBytes: 2600 });
  const slow = join("slow", "classic", false);
  const other = join("other", "classic", false);
  const [a, b] = [join("a", "v1"), join("b", "v1")];
  hub.publish(a.member, big);
  hub.send(a.member, slow.member.peerHandle, small("a".repeat(500)));
  hub.send(a.member, other.member.peerHandle, small("a".repeat(500)));
  const below = a.link.isPaused;

  hub.send(b.member, slow.member.peerHandle, small("b".repeat(500)));
  const above = [a.link.isPaused, b.link.isPaused, hub.counts().heldBytes];
  readAll(other);

  expect([below, above]).toEqual([false, [true, false, 3 * 1012]]);
  expect(a.link.isPaused).toBe(false);
  readAll(slow);
  expect(hub.counts().heldBytes).toBe(0);
});

it("lets nothing outlive its connection where all holds are above their bound", () => {
  const { hub, join, time } = scene({ maxHeldBytes: 3000 });
  const slow = join("slow", "classic", false);
  const sender = join("sender");
  hub.publish(sender.member, big);
  const comeAndGo = () => {
    const { member } = join("guest", "v1");
    hub.publish(member, big);
    hub.disconnect(member.peer, "closed");
    return hub.counts().heldBytes;
  };

  const held = Array.from({ length: 5 }, comeAndGo);
  time.nowMs += 250;
  hub.endOverdueReaders();

  // The first may wait: its two comings and goings, and its message. The second is above the bound.
  expect(held[0]).toBe(2 * 512 + 1512);
  expect(Math.max(...held)).toBeLessThanOrEqual(2 * (2 * 512 + 1512));
  expect(hub.counts()).toMatchObject({ heldBytes: 0 });
  expect(slow.link.closed).toBeUndefined();
});

it.each([
  ["stalled", 4001, "drained nothing"],
  ["slow", 4002, "reads too slowly"],
] as const)("ends a reader that is found %s while it has no room, and frees its senders", (verdict, code, reason) => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender");
  hub.publish(sender.member, big);
  hub.publish(sender.member, small("held"));
  hub.endOverdueReaders();
  const before = slow.link.closed;

  slow.link.verdict = verdict;
  hub.endOverdueReaders();

  expect([before, slow.link.closed]).toEqual([undefined, { code, reason }]);
  expect(sender.link).toMatchObject({ isPaused: false, isFreed: true });
  expect(seen(sender).at(-1)).toBe("peer-left slow");
});

it("does not judge who has room", () => {
  const { hub, join } = scene();
  const idle = join("idle", "classic", false);

  idle.link.verdict = "stalled";
  hub.endOverdueReaders();

  expect(idle.link.closed).toBeUndefined();
});

it("ends of two that block each other the first, and judges the other again", () => {
  const { hub, join } = scene();
  const a = join("a", "classic", false);
  const b = join("b", "classic", false);
  for (const { member } of [a, b]) hub.publish(member, big);
  for (const { member } of [a, b]) hub.publish(member, small("held"));
  // A real link begins its clocks anew when it is freed.
  for (const { link } of [a, b])
    Object.defineProperty(link, "verdict", { get: () => (link.isFreed ? undefined : "stalled") });

  hub.endOverdueReaders();

  expect([b.link.closed?.code, a.link.closed?.code]).toEqual([4001, undefined]);
});

it("pauses nobody where the policy is to close, and ends a reader that is still congested at the next check", () => {
  const { hub, join } = scene({ slowReaderPolicy: "close" });
  const slow = join("slow", "classic", false);
  const sender = join("sender");

  hub.publish(sender.member, big);
  hub.publish(sender.member, small("at once"));
  const toSlow = seen(slow).at(-1);
  hub.endOverdueReaders();

  expect(toSlow).toBe("data sender at once");
  expect(slow.link.closed).toMatchObject({ code: 1013 });
  expect(hub.counts()).toMatchObject({ peers: 1, outboxesFull: 1, pauses: 0 });
});

it("gives events from elsewhere to who has no room too: nobody here can be made to wait for it", () => {
  const { hub, join } = scene();
  const slow = join("slow", "classic", false);
  const sender = join("sender");
  hub.publish(sender.member, big);

  hub.deliver("t", { type: "data", from: sender.member, to: undefined, payload: small("far") }, sender.member);
  hub.deliver("t", { type: "data", from: sender.member, to: slow.member.peerHandle, payload: small("near") });
  hub.deliver("u", { type: "peer-left", member: sender.member });

  expect(seen(slow).slice(-2)).toEqual(["data sender far", "data sender near"]);
});

it("lets go of messages that were given, though their sender never stops waiting", async () => {
  const { hub, join, time } = scene({ outboxHighWaterBytes: 100 });
  const slow = join("slow", "classic", false);
  const sender = join("sender", "v1");
  const given: WeakRef<object>[] = [];
  const publish = () => {
    const payload = small("x".repeat(200));
    const kept = payload.keep();
    payload.keep = () => kept;
    given.push(new WeakRef(kept));
    hub.publish(sender.member, payload);
  };
  for (let count = 0; count < 3; count += 1) publish();
  for (let count = 0; count < 20; count += 1) {
    publish();
    slow.link.drain(slow.link.bufferedBytes);
    time.settle();
  }
  await new Promise((resolve) => {
    setImmediate(resolve);
  });

  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  const keptCount = given.filter((ref) => ref.deref() !== undefined).length;

  if (gc !== undefined) expect(keptCount).toBeLessThan(10);
  expect(hub.counts().heldBytes).toBeGreaterThan(0);
});
