import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import { big, encoding, HIGH_WATER_BYTES, HoldsScene, seen, welcome } from "../support/holds-scene.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

it("ends a chain of senders, each by the notice that the end of the one before is to it, without recursion", () => {
  const scene = new HoldsScene({ maxOutboxBytes: 200_000 });
  const { hub } = scene;
  const chain = Array.from({ length: 5000 }, () => scene.connect("v1", { isReading: false }));
  const frame = new TextEncoder().encode("{}");
  for (const [index, { peer, link }] of chain.entries()) {
    hub.join(peer, { topicName: `${index}`, peerId: "to", encoding }, welcome);
    const next = chain[index + 1];
    const from = next && hub.join(next.peer, { topicName: `${index}`, peerId: "from", encoding }, welcome);
    link.bufferedBytes = HIGH_WATER_BYTES;
    hub.offer(peer, frame);
    if (from !== undefined) hub.publish(from, textPayload("held"));
  }
  for (const { link } of chain) link.bufferedBytes = 200_000;
  const [first] = chain;

  if (first !== undefined) hub.offer(first.peer, frame);

  expect(hub.counts()).toMatchObject({ peers: 0, topics: 0, heldBytes: 0, outboxesFull: 5000 });
});

it("delivers what is held of a connection that closed as it should, and its farewell behind it", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const quick = scene.join("quick");
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));

  hub.disconnect(sender.member.peer, "closed");
  const toQuick = seen(quick).at(-1);
  scene.readAll(slow);

  expect(toQuick).toBe("peer-left sender");
  expect(seen(slow).slice(-2)).toEqual(["data sender held", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ heldBytes: 0, drops: { deadline: 0 } });
});

it("gives up what is held of a closed connection at its deadline: who missed it is told, and counted", () => {
  const scene = new HoldsScene({ drainTimeoutMs: 8000 });
  const { hub, time } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  for (const text of ["1", "2"]) hub.publish(sender.member, textPayload(text));
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
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("lost"));

  hub.disconnect(sender.member.peer, "cut");

  expect(seen(slow).slice(-2)).toEqual(["omitted sender 1", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ heldBytes: 0, drops: { "sender-gone": 1 } });
});

it("tells of messages that were too large for a reader too, where the sender is cut off before that was told", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.changeDelivery(slow.member, { encoding, maxPayloadBytes: 100 });
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("lost"));

  hub.disconnect(sender.member.peer, "cut");

  expect(seen(slow).slice(-2)).toEqual(["omitted sender 2", "peer-left sender"]);
  expect(hub.counts()).toMatchObject({ drops: { "sender-gone": 1 } });
});

it("says a farewell that was held when its sender was cut off afterwards", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.leave(sender.member);
  const beforeCut = seen(slow).at(-1);

  hub.disconnect(sender.member.peer, "cut");

  expect([beforeCut, seen(slow).at(-1)]).toEqual(["data sender xxxxxxxx", "peer-left sender"]);
});

it("says nothing of who came and was cut off before a reader had room for either", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");
  hub.publish(sender.member, big);
  const stranger = scene.join("stranger", "v1");
  hub.publish(stranger.member, textPayload("of a stranger"));

  hub.disconnect(stranger.member.peer, "cut");
  scene.readAll(slow);

  expect(seen(slow).filter((what) => what.includes("stranger"))).toEqual([]);
});

it("tells nobody of messages that are omitted whose dialect has no word for it", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const link = new RecordingLink({ isReading: false });
  const deaf = new PlainEncoding({ hasKinds: false });
  hub.join(hub.connect(link), { topicName: "t", peerId: "slow", encoding: deaf }, welcome);
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("lost"));

  hub.disconnect(sender.member.peer, "cut");

  expect(link.frames.at(-1)).toMatchObject({ type: "peer-left", peerId: "sender" });
  expect(link.frames.at(-2)).toMatchObject({ type: "data" });
});

it("announces the new owner of a name after the old one's farewell, though another connection owes it", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const before = scene.join("name", "v1");
  hub.publish(before.member, big);
  for (const text of ["1", "2"]) hub.publish(before.member, textPayload(text));
  hub.disconnect(before.member.peer, "closed");

  const after = scene.join("name", "v1");
  hub.publish(after.member, textPayload("3"));
  scene.readAll(slow);

  expect(seen(slow).slice(-5)).toEqual([
    "data name 1",
    "data name 2",
    "peer-left name",
    "peer-joined name",
    "data name 3",
  ]);
});

it("still owes a member under its new name what it owed it under the old", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));
  scene.join("newcomer");

  hub.join(slow.member.peer, { topicName: "t", peerId: "renamed", encoding }, undefined);
  scene.readAll(slow);

  expect(seen(slow).slice(-2).toSorted()).toEqual(["data sender held", "peer-joined newcomer"]);
});

it("owes a member that is told anew who is there nothing of comings and goings before", () => {
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow("slow", "v1");
  const sender = scene.join("sender", "v1");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));
  scene.join("newcomer");

  hub.join(slow.member.peer, { topicName: "t", peerId: "renamed", encoding }, welcome);
  scene.readAll(slow);

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
  const scene = new HoldsScene();
  const { hub } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");
  hub.publish(sender.member, big);
  hub.publish(sender.member, textPayload("held"));

  if (how === "leave") hub.leave(slow.member);
  else hub.disconnect(slow.member.peer);

  expect(sender.link.isPaused).toBe(false);
  expect(hub.counts().heldBytes).toBe(0);
});

it("lets nothing outlive its connection where all holds are above their bound", () => {
  const scene = new HoldsScene({ maxHeldBytes: 3000 });
  const { hub, time } = scene;
  const slow = scene.joinSlow();
  const sender = scene.join("sender");
  hub.publish(sender.member, big);
  const comeAndGo = () => {
    const { member } = scene.join("guest", "v1");
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
