import { describe, expect, it } from "vitest";
import { decodeFrame, writeSeq } from "../../client/delivery/frame.ts";
import type { Defect, NetworkOptions, SimMember } from "../support/delivery-member.ts";
import { DeliveryNetwork } from "../support/delivery-network.ts";
import { Broken } from "../support/delivery-truth.ts";
import { mulberry32 } from "../support/seeded-random.ts";

type Play = (topic: DeliveryNetwork) => void;

/** A wrong implementation, which invariant it breaks, and what has to happen for that. The right one does the same unharmed. */
type Seeded = {
  readonly name: string;
  readonly breaks: number;
  readonly network?: Partial<NetworkOptions>;
  readonly defect: () => Defect;
  readonly play: Play;
};

function several(topic: DeliveryNetwork, count: number): SimMember[] {
  return Array.from({ length: count }, () => topic.add());
}

function sendMany(topic: DeliveryNetwork, member: SimMember, count: number, sizeBytes: number, everyMs: number): void {
  for (let index = 0; index < count; index += 1) {
    topic.clock.after(index * everyMs, () => {
      topic.broadcast(member, sizeBytes).catch(() => undefined);
    });
  }
}

function endsQuietly(topic: DeliveryNetwork): void {
  topic.lossRate = 0;
  topic.run(60_000);
  topic.truth.checkQuiet(topic.members.map(({ sid }) => sid));
}

/** What the note of the promise counts beside the invariants, as part of one of them. */
function demand(isTrue: boolean, invariant: number, text: string): void {
  if (!isTrue) throw new Broken(invariant, text);
}

const defects: readonly Seeded[] = [
  {
    name: "the baseline is the first message that is seen",
    breaks: 2,
    network: { lossRate: 0.5 },
    defect: () => ({
      policy: { baseline: (base, firstLive) => (Number.isFinite(firstLive) ? firstLive - 1 : base) },
    }),
    play(topic) {
      const [sender] = several(topic, 1);
      topic.run(100);
      if (sender !== undefined) sendMany(topic, sender, 3, 50, 0);
      topic.run(100);
      topic.add();
      topic.run(45);
      if (sender !== undefined) sendMany(topic, sender, 20, 50, 5);
      topic.run(2000);
      endsQuietly(topic);
    },
  },
  {
    name: "no budget of bytes for repairs",
    breaks: 8,
    network: { resendBufferBytes: 1_048_576, bytesPerMs: 1000, jitterMs: 0 },
    defect: () => ({ policy: { repairBudgetBytes: () => 2 ** 32 - 1 } }),
    play(topic) {
      const [reader, ...senders] = several(topic, 8);
      topic.run(200);
      if (reader !== undefined) topic.cut(reader, { noticeMs: 500, dialMs: 1500, relayNoticeMs: 300 });
      for (const sender of senders) sendMany(topic, sender, 500, 1000, 3);
      topic.run(10_000);
      endsQuietly(topic);
    },
  },
  {
    name: "a name that stays the same over connections",
    breaks: 3,
    defect: () => ({ isNameStable: true }),
    play(topic) {
      const [member] = several(topic, 3);
      topic.run(200);
      if (member === undefined) return;
      topic.cut(member, { noticeMs: 300, dialMs: 200 });
      topic.run(5000);
      demand(member.isJoined, 3, "it is not back 4.5 s after it has dialled");
      endsQuietly(topic);
    },
  },
  {
    name: "a loss without an addressed floor",
    breaks: 6,
    network: { lossRate: 0.1, resendBufferBytes: 65_536 },
    defect: () => ({
      hears(frame, isAddressed) {
        if (frame[0] !== 2 || isAddressed) return { frame, isAddressed };
        const changed = frame.slice();
        changed[1] = (changed[1] ?? 0) | 2;
        return { frame: changed, isAddressed: true };
      },
    }),
    play: losesMany,
  },
  {
    name: "a random time before a repair is asked for",
    breaks: 8,
    network: { resendBufferBytes: 1_048_576 },
    defect: () => {
      const random = mulberry32(7);
      return { policy: { askDelayMs: () => 1500 * random() } };
    },
    play(topic) {
      const [sender, ...readers] = several(topic, 30);
      topic.run(200);
      // Of more, the sender knows by their return that they lack the same, whenever they ask.
      for (const reader of readers.slice(0, 12)) topic.cut(reader, { noticeMs: 100, dialMs: 400, relayNoticeMs: 5 });
      topic.run(50);
      if (sender !== undefined) sendMany(topic, sender, 100, 500, 1);
      topic.run(10_000);
      const { resendCount } = topic.truth;
      demand(resendCount <= 130, 8, `${resendCount} messages were sent again, and 100 were missed`);
      endsQuietly(topic);
    },
  },
  {
    name: "a message that is sent again is made anew",
    breaks: 4,
    defect: () => ({
      sends(frame) {
        const changed = frame.slice();
        const decoded = decodeFrame(frame);
        if (decoded.type === "message" && decoded.isResend) changed[changed.length - 1] = 0xaa;
        return changed;
      },
    }),
    play: (topic) => cutsOne(topic, 2000),
  },
  {
    name: "a status protects without a limit of time",
    breaks: 11,
    network: { resendBufferBytes: 65_536 },
    defect: () => ({ heldMs: Number.POSITIVE_INFINITY }),
    play(topic) {
      const [sender, flapper] = several(topic, 2);
      topic.run(200);
      if (sender === undefined || flapper === undefined) return;
      sendMany(topic, sender, 600, 1000, 100);
      topic.run(500);
      for (let time = 0; time < 8; time += 1) {
        topic.cut(flapper, { noticeMs: 100, dialMs: 6900, relayNoticeMs: 10 });
        topic.run(7500);
      }
    },
  },
  {
    name: "only an absence protects",
    breaks: 10,
    network: { resendBufferBytes: 65_536, bytesPerMs: 50, latencyMs: 80 },
    defect: () => ({
      policy: { isProtected: ({ confirmed, hasRoom, isHere }) => confirmed !== undefined && hasRoom && !isHere },
    }),
    play(topic) {
      const [sender, reader] = several(topic, 2);
      topic.run(500);
      if (sender === undefined || reader === undefined) return;
      sendMany(topic, sender, 500, 1000, 25);
      topic.run(1500);
      topic.cut(reader, { noticeMs: 500, dialMs: 2500, relayNoticeMs: 100 });
      topic.run(20_000);
      endsQuietly(topic);
    },
  },
  {
    name: "a broadcast that is rejected takes a number",
    breaks: 12,
    network: { bytesPerMs: 10 },
    defect: () => {
      let rejectedCount = 0;
      return {
        onRejected: () => {
          rejectedCount += 1;
        },
        sends(frame) {
          const changed = frame.slice();
          const decoded = decodeFrame(frame);
          if (decoded.type === "message") writeSeq(changed, decoded.seq + rejectedCount);
          return changed;
        },
      };
    },
    play(topic) {
      const [sender] = several(topic, 2);
      topic.run(200);
      if (sender === undefined) return;
      for (let count = 0; count < 400; count += 1) {
        topic.broadcast(sender, 5000, { wait: false }).catch(() => undefined);
      }
      topic.run(60_000);
    },
  },
  {
    name: "what all have confirmed is freed",
    breaks: 10,
    network: { resendBufferBytes: 65_536 },
    defect: () => ({ policy: { isOld: () => true } }),
    play(topic) {
      const [sender, returner] = several(topic, 3);
      topic.run(200);
      if (sender === undefined || returner === undefined) return;
      sendMany(topic, sender, 20, 100, 10);
      topic.run(1000);
      topic.cut(returner, { noticeMs: 100, dialMs: 12_000, relayNoticeMs: 10 });
      topic.run(9000);
      sendMany(topic, sender, 150, 100, 10);
      topic.run(10_000);
      demand(topic.truth.lostCount === 0, 10, `${topic.truth.lostCount} were lost, of a buffer that had room`);
      endsQuietly(topic);
    },
  },
  {
    name: "several jumps are told at once, and late",
    breaks: 1,
    network: { lossRate: 0.1, resendBufferBytes: 65_536 },
    defect: () => ({ isLossLate: true }),
    play: losesMany,
  },
  {
    name: "an absence is shown at once",
    breaks: 7,
    defect: () => ({ graceMs: 0 }),
    play: (topic) => cutsOne(topic, 2000),
  },
];

/** A member that confirms nothing, and so is not waited for, misses what is dropped. */
function losesMany(topic: DeliveryNetwork): void {
  const [sender] = several(topic, 1);
  topic.add("mute");
  topic.run(200);
  if (sender === undefined) return;
  const { lossRate } = topic;
  topic.lossRate = 0;
  sendMany(topic, sender, 1, 1000, 0);
  topic.run(200);
  topic.lossRate = lossRate;
  sendMany(topic, sender, 500, 1000, 2);
  topic.run(5000);
}

function cutsOne(topic: DeliveryNetwork, awayMs: number): void {
  const [sender, reader] = several(topic, 2);
  topic.run(200);
  if (sender === undefined || reader === undefined) return;
  topic.cut(reader, { noticeMs: 100, dialMs: awayMs, relayNoticeMs: 10 });
  sendMany(topic, sender, 20, 100, 10);
  topic.run(5000);
  endsQuietly(topic);
}

/** What is broken first within some seeds. */
function firstBroken({ network, play }: Seeded, createDefect: () => Defect): Broken | undefined {
  for (let seed = 0; seed < 3; seed += 1) {
    try {
      play(new DeliveryNetwork({ seed, ...network, defect: createDefect() }));
    } catch (error) {
      if (error instanceof Broken) return error;
      throw error;
    }
  }
  return;
}

describe.each(defects)("$name", (seeded) => {
  it("is caught", () => {
    expect(firstBroken(seeded, seeded.defect)?.invariant).toBe(seeded.breaks);
  });

  it("is what breaks it: the right implementation does the same unharmed", () => {
    expect(firstBroken(seeded, () => ({}))?.message).toBeUndefined();
  });
});
