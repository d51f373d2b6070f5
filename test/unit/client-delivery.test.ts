import { describe, expect, it, vi } from "vitest";
import { encodeStatus, encodeSync } from "../../client/delivery/frame.ts";
import { DeliveryError } from "../../client/errors.ts";
import type { NetworkOptions, SimMember } from "../support/delivery-member.ts";
import { DeliveryNetwork } from "../support/delivery-network.ts";

/** Two members who see each other. */
function two(options: Partial<NetworkOptions> = {}): { topic: DeliveryNetwork; a: SimMember; b: SimMember } {
  const topic = new DeliveryNetwork({ seed: 1, ...options });
  const [a, b] = [topic.add(), topic.add()];
  topic.run(500);
  return { topic, a, b };
}

/** Its socket takes 262,144 bytes, then 1 MiB waits with numbers: what comes next has to wait. */
function fill(topic: DeliveryNetwork, member: SimMember): Promise<unknown>[] {
  return Array.from({ length: 140 }, () => topic.broadcast(member, 10_000));
}

const slow = { bytesPerMs: 10, resendBufferBytes: 8_388_608 };

describe("broadcast", () => {
  it("resolves at once while there is room, and rejects with would-wait where there is none and it may not wait", async () => {
    const { topic, a } = two(slow);
    const sent = fill(topic, a);
    await Promise.all(sent.slice(0, 100));

    await expect(topic.broadcast(a, 10_000, { wait: false })).rejects.toMatchObject({ code: "would-wait" });
  });

  it("waits for room, in the order of the calls, and gives the aborted no number", async () => {
    const { topic, a, b } = two(slow);
    const aborter = new AbortController();
    void Promise.all(fill(topic, a));
    const order: string[] = [];
    const first = topic.broadcast(a, 10_000).then(() => order.push("first"));
    const aborted = topic.broadcast(a, 10_000, { signal: aborter.signal });
    const last = topic.broadcast(a, 10_000).then(() => order.push("last"));
    aborter.abort();
    await expect(aborted).rejects.toMatchObject({ code: "aborted" });
    topic.run(400_000);
    await Promise.all([first, last]);

    expect(order).toEqual(["first", "last"]);
    expect(a.delivery.figures.head).toBe(142);
    expect(b.messages.length).toBe(142);
  });

  it("rejects with backlog-full what is beyond 1,000 that wait", async () => {
    const { topic, a } = two(slow);
    void Promise.allSettled(fill(topic, a));
    const waiting = Array.from({ length: 1001 }, () =>
      topic.broadcast(a, 5).then(
        () => "sent",
        (error: DeliveryError) => error.code,
      ),
    );
    topic.close(new DeliveryError("closed"));
    const ends = await Promise.all(waiting);

    // 10 of the others wait too, and small ones that still fit do not overtake them.
    expect(ends.indexOf("backlog-full")).toBeGreaterThan(950);
    expect(ends.lastIndexOf("closed")).toBeLessThan(1000);
  });

  it("rejects with aborted before it takes anything, and with closed after the end", async () => {
    const { topic, a } = two();
    await expect(topic.broadcast(a, 5, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
    topic.close(new DeliveryError("closed"));

    await expect(topic.broadcast(a, 5)).rejects.toMatchObject({ code: "closed" });
    await expect(a.delivery.flush()).rejects.toMatchObject({ code: "closed" });
    expect(a.delivery.figures.head).toBe(0);
  });

  it("waits while what it sends waits at the relay", async () => {
    const { topic, a, b } = two();
    topic.congest(a, 3000);
    const sent = topic.broadcast(a, 100);
    topic.run(2900);
    expect(b.messages.length).toBe(0);
    topic.run(200);
    await sent;

    expect(b.messages.length).toBe(1);
  });

  it("waits for whom it would cost messages, says so, and no longer than it may", async () => {
    const { topic, a, b } = two({ resendBufferBytes: 65_536 });
    await topic.broadcast(a, 100);
    topic.run(200);
    topic.cut(b, { noticeMs: 100, dialMs: 60_000, relayNoticeMs: 10 });
    topic.run(100);
    for (let count = 0; count < 100; count += 1) void topic.broadcast(a, 1000);
    topic.run(500);
    expect(a.heldLog).toEqual([["m1"]]);
    topic.run(8100);

    expect(a.heldLog).toEqual([["m1"], []]);
    expect(a.delivery.figures.waitingBytes).toBe(0);
  });

  it("waits for nobody who has confirmed nothing so far, also where the first status comes right behind", () => {
    const { topic, a, b } = two({ resendBufferBytes: 65_536, latencyMs: 80, jitterMs: 0 });
    void topic.broadcast(a, 7000);
    topic.run(320);
    for (let count = 0; count < 12; count += 1) void topic.broadcast(a, 7000);
    expect(a.delivery.figures.floor).toBeGreaterThan(2);
    // The status says that b has the first message and no more: true, and too late to keep the second for it.
    topic.run(2000);

    expect(a.heldLog).toEqual([]);
    expect(b.messages.length).toBe(13);
  });
});

describe("flush", () => {
  it("resolves when all who are here have all, and not before", async () => {
    const { topic, a, b } = two({ lossRate: 0.3 });
    for (let count = 0; count < 20; count += 1) void topic.broadcast(a, 100);
    const flushed = a.delivery.flush().then(() => b.messages.length);
    topic.run(60_000);

    await expect(flushed).resolves.toBe(20);
  });

  it("does not wait for who leaves, or when nothing was sent", async () => {
    const { topic, a, b } = two();
    await a.delivery.flush();
    void topic.broadcast(a, 100);
    topic.leave(b);
    const flushed = a.delivery.flush();
    topic.run(20_000);

    await expect(flushed).resolves.toBeUndefined();
  });

  it("ends with its signal", async () => {
    const { topic, a } = two();
    topic.add("mute");
    topic.run(200);
    const aborter = new AbortController();
    void topic.broadcast(a, 100);
    const flushed = a.delivery.flush({ signal: aborter.signal });
    topic.run(1000);
    aborter.abort();

    await expect(flushed).rejects.toMatchObject({ code: "aborted" });
  });
});

describe("repair", () => {
  it("is not asked for again while large messages come over a slow line", () => {
    const { topic, a, b } = two({ bytesPerMs: 100, resendBufferBytes: 4_194_304 });
    void topic.broadcast(a, 100);
    topic.run(500);
    topic.cut(b, { noticeMs: 100, dialMs: 5000, relayNoticeMs: 10 });
    topic.run(100);
    for (let count = 0; count < 20; count += 1) void topic.broadcast(a, 60_000);
    topic.run(60_000);

    expect(b.messages.length).toBe(21);
    // Eight were missed: each once, and little more while the pace is not known.
    expect(topic.truth.resendCount).toBeLessThan(13);
  });
});

it("begins where the sender says, though its grace ended while the app did not read", () => {
  const { topic, a, b } = two();
  topic.repairLossRate = 1;
  b.hasRoom = false;
  topic.cut(b, { noticeMs: 10, dialMs: 90, relayNoticeMs: 5 });
  for (let count = 0; count < 3; count += 1) void topic.broadcast(a, 100);
  // The first is missed, and what says so as well.
  topic.run(115);
  topic.lossRate = 1;
  topic.run(100);
  topic.lossRate = 0;
  void topic.broadcast(a, 100);
  topic.run(25);
  topic.cut(a, { noticeMs: 10, dialMs: 12_000, relayNoticeMs: 5 });
  topic.run(14_000);
  topic.repairLossRate = 0;
  b.hasRoom = true;
  b.delivery.roomAgain();
  topic.run(10_000);

  expect(b.messages.length).toBe(4);
});

describe("a hostile topic", () => {
  it("keeps 10,000 members, and none of those that come after them", () => {
    const { topic, a } = two();
    for (let count = 0; count < 10_100; count += 1) {
      topic.truth.sees(a.sid, `fake${count}`, true);
      a.delivery.peerJoined(`fake${count}`);
    }

    expect(a.delivery.figures.memberCount).toBe(10_000);
    expect(a.faults.length).toBeLessThanOrEqual(100);
    topic.close(new DeliveryError("closed"));
  });

  it("serves endless requests for repair no faster than it may, and names who floods", () => {
    const { topic, a, b } = two();
    for (let count = 0; count < 200; count += 1) void topic.broadcast(a, 1000);
    topic.run(1000);
    const { resendBytes } = topic.truth;
    b.kind = "liar";
    for (let count = 0; count < 20_000; count += 1) {
      const ranges = [{ from: 1, count: 200 }];
      topic.clock.after(count / 2, () => {
        topic.inject(b, encodeStatus({ seq: count, next: 1, byteBudget: 2 ** 32 - 1, ranges, hasState: true }), [
          a.sid,
        ]);
      });
    }
    topic.run(10_500);

    expect(topic.truth.resendBytes - resendBytes).toBeLessThan(2_000_000);
    expect(a.faults).toContain(`${b.sid} flood`);
  });

  it("answers endless questions at most 50 times a second", () => {
    const { topic, a, b } = two();
    for (let count = 1; count <= 5000; count += 1) {
      topic.inject(b, encodeSync({ seq: count, base: 0, head: 0, floor: 1, wantsReply: true, isLast: false }), [a.sid]);
    }
    topic.run(1000);
    const answered = [...topic.truth.sender(a.sid).controls.keys()].filter((key) => key.startsWith("status"));

    expect(answered.length).toBeLessThanOrEqual(60);
  });

  it("names what is unreadable and what is of a later version", () => {
    const { topic, a, b } = two();
    topic.inject(b, Uint8Array.of(1, 2, 3));
    topic.inject(b, Uint8Array.of(77, 0, 0, 0, 0, 0, 0, 0, 1));
    topic.run(100);

    expect(a.faults).toEqual([`${b.sid} unreadable`, `${b.sid} unknown-kind`]);
  });
});

it("does the same whatever the calendar says", () => {
  const runs = [1, 2].map((seed) => {
    const spy = vi.spyOn(Date, "now").mockImplementation(() => Math.random() * seed * 1e15);
    const { topic, a, b } = two({ lossRate: 0.2 });
    for (let count = 0; count < 50; count += 1) topic.clock.after(count * 20, () => void topic.broadcast(a, 100));
    topic.run(30_000);
    spy.mockRestore();
    return [b.messages.length, topic.truth.resendCount, [...topic.truth.sender(a.sid).controls.values()]];
  });

  expect(runs[0]).toEqual(runs[1]);
});
