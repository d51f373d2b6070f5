import { expect, it } from "vitest";
import { big, encoding, HoldsScene, seen, welcome } from "../support/holds-scene.ts";
import { textPayload } from "../support/recording-link.ts";

it("gives a message at once to who has room, and holds it for who has not until a quarter is left", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const quick = scene.join("quick");
  const sender = scene.join("sender");
  slow.link.drain(slow.link.bufferedBytes);
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("second"));
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
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");
  const other = scene.join("other");
  hub.publish(sender.member, big);
  const afterFirst = sender.link.isPaused;

  hub.publish(sender.member, textPayload("held"));
  const afterSecond = [sender.link.isPaused, other.link.isPaused, slow.link.isPaused];
  scene.readAll(slow);

  expect([afterFirst, afterSecond, sender.link.isPaused]).toEqual([false, [true, false, false], false]);
  expect(hub.counts()).toMatchObject({ pauses: 1, heldBytes: 0, congested: 0, outboxesFull: 0 });
});

it("reads a v1 sender on until more than its limit is held, and again when it is less", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);

  const held: boolean[] = [];
  for (let count = 0; count < 3; count += 1) {
    hub.publish(sender.member, big);
    held.push(sender.link.isPaused);
  }
  scene.readAll(slow);

  expect(held).toEqual([false, false, true]);
  expect(sender.link.isPaused).toBe(false);
});

it("keeps a message for each that is owed it, and counts its bytes once", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const first = scene.joinSlow("first");
  const second = scene.joinSlow("second");
  const sender = scene.join("sender");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));
  const { heldBytes } = hub.counts();

  scene.readAll(first);
  const afterOne = [sender.link.isPaused, hub.counts().heldBytes];
  scene.readAll(second);

  expect(heldBytes).toBe(512 + 4);
  expect([afterOne, sender.link.isPaused, hub.counts().heldBytes]).toEqual([[true, heldBytes], false, 0]);
});

it("gives one message of each sender per round, and one round per turn", () => {
  const scene = new HoldsScene();
  const { hub, time } = scene;
  const slow = scene.joinSlow();
  const senders = ["a", "b"].map((name) => scene.join(name, "v1"));
  const [a, b] = senders;
  if (a === undefined || b === undefined) throw new Error("two");
  hub.publish(a.member, big);
  for (const text of ["a1", "a2"]) hub.publish(a.member, textPayload(text));
  for (const text of ["b1", "b2"]) hub.publish(b.member, textPayload(text));

  slow.link.drain(slow.link.bufferedBytes);
  const firstRound = seen(slow).slice(-2);
  time.settle();

  expect(firstRound).toEqual(["data a a1", "data b b1"]);
  expect(seen(slow).slice(-4)).toEqual(["data a a1", "data b b1", "data a a2", "data b b2"]);
});

it("holds what is sent to one that has no room: by data and by signals, not by what is for others", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  const other = scene.join("other");
  hub.publish(sender.member, big);

  hub.send(sender.member, slow.member.peerHandle, textPayload("to slow"));
  hub.sendKind(sender.member, "offer", slow.member.peerHandle, textPayload("sdp"));
  hub.send(sender.member, other.member.peerHandle, textPayload("to other"));

  expect(seen(slow).at(-1)).toBe("data sender xxxxxxxx");
  expect(seen(other).at(-1)).toBe("data sender to other");
  slow.link.drain(slow.link.bufferedBytes);
  expect(seen(slow).at(-1)).toBe("data sender to slow");
});

it("tells a v1 sender what is congested, by topic and by addressee, once, and when it is relieved", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("1"));
  hub.publish(sender.member, textPayload("2"));
  hub.send(sender.member, slow.member.peerHandle, textPayload("3"));
  const told = [...sender.notices];

  scene.readAll(slow);

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
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  const topicName = `t ${slow.member.peerHandle}`;
  hub.join(slow.member.peer, { topicName, peerId: "slow", encoding }, welcome);
  const inOther = hub.join(sender.member.peer, { topicName, peerId: "sender", encoding }, welcome);
  hub.publish(sender.member, big);

  hub.send(sender.member, slow.member.peerHandle, textPayload("1"));
  hub.publish(inOther, textPayload("2"));

  expect(sender.notices.map(({ topicName: name, to }) => [name, to])).toEqual([
    ["t", slow.member.peerHandle],
    [topicName, undefined],
  ]);
});

it("tells a v1 sender again every 5 s while it is not read, and not while it is", () => {
  const scene = new HoldsScene();
  const { hub, time } = scene;
  scene.joinSlow();
  const paused = scene.join("paused", "v1");
  const read = scene.join("read", "v1");
  hub.publish(paused.member, big);
  for (let count = 0; count < 3; count += 1) hub.publish(paused.member, big);
  hub.publish(read.member, textPayload("held"));

  const counts: number[] = [];
  for (time.nowMs = 0; time.nowMs <= 12_000; time.nowMs += 250) {
    hub.endOverdueReaders();
    if (time.nowMs % 4750 === 0) counts.push(paused.notices.length);
  }

  expect(counts).toEqual([1, 1, 2]);
  expect(paused.notices).toHaveLength(3);
  expect(read.notices).toHaveLength(1);
});

it("reads who holds more than one message no more where all holds are above their bound, until a quarter is free", () => {
  const scene = new HoldsScene({ maxHeldBytes: 2600 });
  const { hub } = scene;
  const slow = scene.joinSlow();
  const other = scene.joinSlow("other");
  const [a, b] = [scene.join("a", "v1"), scene.join("b", "v1")];
  hub.publish(a.member, big);
  hub.send(a.member, slow.member.peerHandle, textPayload("a".repeat(500)));
  hub.send(a.member, other.member.peerHandle, textPayload("a".repeat(500)));
  const below = a.link.isPaused;

  hub.send(b.member, slow.member.peerHandle, textPayload("b".repeat(500)));
  const above = [a.link.isPaused, b.link.isPaused, hub.counts().heldBytes];
  scene.readAll(other);

  expect([below, above]).toEqual([false, [true, false, 3 * 1012]]);
  expect(a.link.isPaused).toBe(false);
  scene.readAll(slow);
  expect(hub.counts().heldBytes).toBe(0);
});

it.each([
  ["stalled", 4001, "drained nothing"],
  ["slow", 4002, "reads too slowly"],
] as const)("ends a reader that is found %s while it has no room, and frees its senders", (verdict, code, reason) => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));
  hub.endOverdueReaders();
  const before = slow.link.closed;

  slow.link.verdict = verdict;
  hub.endOverdueReaders();

  expect([before, slow.link.closed]).toEqual([undefined, { code, reason }]);
  expect(sender.link).toMatchObject({ isPaused: false, isFreed: true });
  expect(seen(sender).at(-1)).toBe("peer-left slow");
});

it("does not judge who has room", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const idle = scene.joinSlow("idle", "classic");

  idle.link.verdict = "stalled";
  hub.endOverdueReaders();

  expect(idle.link.closed).toBeUndefined();
});

it("ends of two that block each other the first, and judges the other again", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const a = scene.joinSlow("a");
  const b = scene.joinSlow("b");
  for (const { member } of [a, b]) hub.publish(member, big);
  for (const { member } of [a, b]) hub.publish(member, textPayload("held"));
  // A real link begins its clocks anew when it is freed.
  for (const { link } of [a, b])
    Object.defineProperty(link, "verdict", { get: () => (link.isFreed ? undefined : "stalled") });

  hub.endOverdueReaders();

  expect([b.link.closed?.code, a.link.closed?.code]).toEqual([4001, undefined]);
});

it("pauses nobody where the policy is to close, and ends a reader that is still congested at the next check", () => {
  const scene = new HoldsScene({ slowReaderPolicy: "close" });
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");

  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("at once"));
  const toSlow = seen(slow).at(-1);
  hub.endOverdueReaders();

  expect(toSlow).toBe("data sender at once");
  expect(slow.link.closed).toMatchObject({ code: 1013 });
  expect(hub.counts()).toMatchObject({ peers: 1, outboxesFull: 1, pauses: 0 });
});

it("gives events from elsewhere to who has no room too: nobody here can be made to wait for it", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");
  hub.publish(sender.member, big);

  hub.deliver("t", { type: "data", from: sender.member, to: undefined, payload: textPayload("far") }, sender.member);
  hub.deliver("t", { type: "data", from: sender.member, to: slow.member.peerHandle, payload: textPayload("near") });
  hub.deliver("u", { type: "peer-left", member: sender.member });

  expect(seen(slow).slice(-2)).toEqual(["data sender far", "data sender near"]);
});

it("lets go of messages that were given, though their sender never stops waiting", async () => {
  const scene = new HoldsScene({ outboxHighWaterBytes: 100 });
  const { hub, time } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  const given: WeakRef<object>[] = [];
  const publish = () => {
    const payload = textPayload("x".repeat(200));
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

it("gives nothing more to who is over when its buffer drains after all", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));

  hub.disconnect(slow.member.peer);
  slow.link.drain(slow.link.bufferedBytes);
  scene.time.settle();

  expect(seen(slow).at(-1)).toBe("data sender xxxxxxxx");
});

it("ends a reader whose outbox is full in the middle of a round, and gives it nothing more", () => {
  const scene = new HoldsScene({ maxOutboxBytes: 500 });
  const { hub } = scene;
  const slow = scene.joinSlow();
  const senders = ["a", "b", "c"].map((name) => scene.join(name, "v1"));
  slow.link.drain(slow.link.bufferedBytes);
  for (const { member } of senders.slice(0, 1)) hub.publish(member, big);
  for (const { member } of senders) hub.publish(member, textPayload("x".repeat(600)));

  slow.link.drain(slow.link.bufferedBytes);

  expect(slow.link.closed).toMatchObject({ code: 1013 });
  expect(hub.counts()).toMatchObject({ peers: 3, heldBytes: 0, outboxesFull: 1 });
});

it("counts for each topic what is held for it, and who has no room there", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  const elsewhere = hub.connect(sender.link, { holdLimitBytes: 0 });
  const other = hub.join(elsewhere, { topicName: "other", peerId: "o", encoding }, welcome).topic;
  const { topic } = sender.member;
  const figures = () => [topic.heldMessageCount, topic.heldByteCount, topic.slowReaderCount];

  hub.publish(sender.member, big);
  const full = figures();
  hub.publish(sender.member, textPayload("held"));
  hub.publish(sender.member, textPayload("held"));
  const held = figures();
  scene.readAll(slow);

  expect(full).toEqual([0, 0, 1]);
  expect(held).toEqual([2, hub.counts().heldBytes + 2 * (512 + 4), 1]);
  expect(figures()).toEqual([0, 0, 0]);
  expect([other.heldMessageCount, other.slowReaderCount]).toEqual([0, 0]);
});
