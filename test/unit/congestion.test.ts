import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";

const HIGH_WATER_BYTES = 1000;
const encoding = new PlainEncoding();
const welcome = () => [];
const bigMessage = textPayload("x".repeat(HIGH_WATER_BYTES));

/** A topic "t" with a sender and a reader that drains only when told; `atMs` is the hub's time. */
function scene(changes: Parameters<typeof hubOptions>[0] = {}) {
  const time = { atMs: 0 };
  const options = hubOptions({ outboxHighWaterBytes: HIGH_WATER_BYTES, maxOutboxBytes: 100_000, ...changes });
  const hub = new Hub(options, {
    time: {
      get nowMs() {
        return time.atMs;
      },
    },
  });
  const join = (link: RecordingLink, topicName: string, peerId: string) =>
    hub.join(hub.connect(link), { topicName, peerId, encoding }, welcome);
  const senderLink = new RecordingLink();
  const readerLink = new RecordingLink({ isReading: false });
  const reader = join(readerLink, "t", "reader");
  const sender = join(senderLink, "t", "sender");
  return { hub, time, join, senderLink, readerLink, reader, sender };
}

it("stops reading the sender when a member is above its high-water mark, and reads on when it is below the low one", () => {
  const { hub, sender, senderLink, readerLink } = scene();

  hub.publish(sender, bigMessage);
  const isPausedAbove = senderLink.isPaused;
  readerLink.drain(readerLink.bufferedBytes - 251);
  const isPausedBetween = senderLink.isPaused;
  readerLink.drain(1);

  expect([isPausedAbove, isPausedBetween, senderLink.isPaused]).toEqual([true, true, false]);
  expect(hub.counts()).toMatchObject({ pauses: 1, outboxesFull: 0, stalledReaders: 0, slowReaders: 0 });
});

it("does not slow who sends elsewhere, nor who only reads", () => {
  const { hub, join, sender } = scene();
  const elsewhere = new RecordingLink();
  const bystander = new RecordingLink();
  const other = join(elsewhere, "other", "other");
  join(bystander, "t", "bystander");

  hub.publish(sender, bigMessage);
  hub.publish(other, bigMessage);

  expect([elsewhere.isPaused, bystander.isPaused]).toEqual([false, false]);
});

it("stops each further sender at its next message, and loses none of them", () => {
  const { hub, join, sender, readerLink } = scene();
  const secondLink = new RecordingLink();
  const second = join(secondLink, "t", "second");
  hub.publish(sender, bigMessage);

  hub.publish(second, textPayload("small"));

  expect(secondLink.isPaused).toBe(true);
  expect(readerLink.frames.at(-1)).toMatchObject({ peerId: "second", payload: "small" });
  readerLink.drain(readerLink.bufferedBytes);
  expect(secondLink.isPaused).toBe(false);
});

it("keeps a sender waiting until the last of several congested members has drained", () => {
  const { hub, join, sender, senderLink, readerLink } = scene();
  const slowLink = new RecordingLink({ isReading: false });
  join(slowLink, "t", "slow");
  hub.publish(sender, bigMessage);

  readerLink.drain(readerLink.bufferedBytes);
  const isPausedByOne = senderLink.isPaused;
  slowLink.drain(slowLink.bufferedBytes);

  expect([isPausedByOne, senderLink.isPaused]).toEqual([true, false]);
});

it("counts the topics that keep a sender waiting: it reads on when the last has drained", () => {
  const { hub, join, sender, senderLink, readerLink } = scene();
  const otherLink = new RecordingLink({ isReading: false });
  join(otherLink, "u", "reader of u");
  const inOther = hub.join(sender.peer, { topicName: "u", peerId: "sender", encoding }, welcome);
  hub.publish(sender, bigMessage);
  hub.publish(inOther, bigMessage);

  readerLink.drain(readerLink.bufferedBytes);
  const isPausedByOne = senderLink.isPaused;
  otherLink.drain(otherLink.bufferedBytes);

  expect([isPausedByOne, senderLink.isPaused]).toEqual([true, false]);
});

it.each([
  ["leaves", ({ hub, reader }: ReturnType<typeof scene>) => hub.leave(reader)],
  ["is gone", ({ hub, reader }: ReturnType<typeof scene>) => hub.disconnect(reader.peer)],
])("reads a sender on when the congested member %s", (_what, act) => {
  const parts = scene();
  parts.hub.publish(parts.sender, bigMessage);

  act(parts);

  expect(parts.senderLink.isPaused).toBe(false);
  expect(parts.hub.counts()).toMatchObject({ peers: 1, stalledReaders: 0, slowReaders: 0 });
});

it("does not keep a sender waiting that has left the congested topic", () => {
  const { hub, sender, senderLink } = scene();
  hub.publish(sender, bigMessage);

  hub.leave(sender);

  expect(senderLink.isPaused).toBe(false);
});

it("slows the senders of a topic that a congested peer joins", () => {
  const { hub, join, sender, reader, readerLink } = scene();
  const otherLink = new RecordingLink();
  const other = join(otherLink, "u", "other");
  hub.publish(sender, bigMessage);
  hub.join(reader.peer, { topicName: "u", peerId: "reader", encoding }, welcome);

  hub.publish(other, textPayload("small"));

  expect(otherLink.isPaused).toBe(true);
  readerLink.drain(readerLink.bufferedBytes);
  expect(otherLink.isPaused).toBe(false);
});

it("slows who sends to one congested member, by data and by signals", () => {
  const { hub, join, sender, senderLink, reader, readerLink } = scene();
  const signaller = new RecordingLink();
  const other = join(signaller, "t", "other");

  hub.send(sender, reader.peerHandle, bigMessage);
  hub.sendKind(other, "offer", reader.peerHandle, textPayload("sdp"));

  expect([senderLink.isPaused, signaller.isPaused, readerLink.closed]).toEqual([true, true, undefined]);
});

it("ends a reader that drains nothing for its time, tells the others, and reads the senders on", () => {
  const { hub, time, sender, senderLink, readerLink } = scene();
  hub.publish(sender, bigMessage);

  time.atMs = 1999;
  hub.endOverdueReaders();
  const closedBefore = readerLink.closed;
  time.atMs = 2000;
  hub.endOverdueReaders();

  expect(closedBefore).toBeUndefined();
  expect(readerLink.closed).toEqual({ code: 4001, reason: "drained nothing" });
  expect(senderLink).toMatchObject({ isPaused: false, frames: [{ type: "peer-left", peerId: "reader" }] });
  expect(hub.counts()).toMatchObject({ peers: 1, stalledReaders: 1, slowReaders: 0 });
});

it("waits for a reader that drains slowly, and ends it when it is slow for too long", () => {
  const { hub, time, sender, readerLink } = scene();
  hub.publish(sender, bigMessage);

  for (time.atMs = 1000; time.atMs < 10_000; time.atMs += 1000) {
    readerLink.drain(1);
    hub.endOverdueReaders();
    expect(readerLink.closed).toBeUndefined();
  }
  readerLink.drain(1);
  hub.endOverdueReaders();

  expect(readerLink.closed).toEqual({ code: 4002, reason: "reads too slowly" });
  expect(hub.counts()).toMatchObject({ slowReaders: 1, stalledReaders: 0 });
});

it("ends once a reader that the check finds overdue and that the check's own peer-left finds full", () => {
  const { hub, time, join, sender } = scene({ maxOutboxBytes: 1100 });
  const others = Array.from({ length: 3 }, () => new RecordingLink({ isReading: false }));
  for (const link of others) join(link, "t", "other");
  hub.publish(sender, bigMessage);

  time.atMs = 2000;
  hub.endOverdueReaders();

  const { outboxesFull, stalledReaders, peers } = hub.counts();
  expect(outboxesFull + stalledReaders).toBe(4);
  expect(peers).toBe(1);
  expect(others.every(({ closed }) => closed !== undefined)).toBe(true);
});

it("pauses nobody where the policy is to close, and ends a reader that is still congested at the next check", () => {
  const { hub, sender, senderLink, readerLink } = scene({ slowReaderPolicy: "close" });

  hub.publish(sender, bigMessage);
  const closedAtOnce = readerLink.closed;
  hub.endOverdueReaders();

  expect(closedAtOnce).toBeUndefined();
  expect(readerLink.closed).toMatchObject({ code: 1013 });
  expect(senderLink.isPaused).toBe(false);
  expect(hub.counts()).toMatchObject({ peers: 1, outboxesFull: 1, pauses: 0 });
});
