import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Lane } from "../../client/delivery/lane.ts";
import { LaneReceiver } from "../../client/delivery/lane-receiver.ts";
import { LaneSender } from "../../client/delivery/lane-sender.ts";
import { LaneNetwork } from "../support/lane-network.ts";
import { lanesKeepTheirPromise, type Step } from "../support/lane-properties.ts";
import { replaceMethod } from "../support/replace-method.ts";

it("brings each message to one peer once and in order, or says so, over cuts, losses and apps that do not read", async () => {
  await fc.assert(lanesKeepTheirPromise(), { numRuns: 150 });
});

/** Delivered, and not acknowledged when the sender is cut for longer than the grace. */
const goneUnheard: Step[] = [
  { do: "send", end: 0, size: 100, count: 3, isTwin: false },
  { do: "pass", durationMs: 12 },
  { do: "cut", end: 0, downMs: 12_000 },
  { do: "pass", durationMs: 30_000 },
];

/** What is on its way to an end that is away for longer than it is kept. */
const givenUp: Step[] = [
  { do: "send", end: 1, size: 100, count: 3, isTwin: false },
  { do: "pass", durationMs: 5 },
  { do: "cut", end: 0, downMs: 80_000 },
  { do: "pass", durationMs: 75_000 },
];

/** What a lane could do wrong, and what is seen of it. */
const defects: readonly (readonly [string, RegExp, (network: LaneNetwork) => void])[] = [
  [
    "an acknowledgement of one too many",
    /missing|another message/,
    () =>
      replaceMethod(LaneSender.prototype, "acknowledge", (original) => (lane, frame) => {
        return original.call(lane, { ...frame, next: frame.next + 1 }) || original.call(lane, frame);
      }),
  ],
  [
    "a rewind that loses the first",
    /missing|waits for ever/,
    () =>
      replaceMethod(LaneSender.prototype, "rewind", (original) => (lane) => {
        original.call(lane);
        lane.take();
      }),
  ],
  [
    "no credit after a resume",
    /missing|waits for ever/,
    () =>
      replaceMethod(LaneSender.prototype, "acknowledge", (original) => (lane, frame) => {
        return original.call(lane, frame.purpose === "resume" ? { ...frame, byteLimit: 0 } : frame);
      }),
  ],
  [
    "repeats known by their bytes",
    /missing|another message/,
    (network) => {
      const known = new Set<string>();
      network.isDelivered = (payload) => {
        const bytes = Buffer.from(payload.subarray(0, 64)).toString("latin1") + payload.byteLength;
        const isNew = !known.has(bytes);
        known.add(bytes);
        return isNew;
      };
    },
  ],
  [
    "a window that counts messages",
    /bytes are kept/,
    () => {
      const added = new WeakMap<LaneSender, number>();
      replaceMethod(LaneSender.prototype, "add", (original) => (lane, message) => {
        added.set(lane, (added.get(lane) ?? lane.numbers.first - 1) + 1);
        original.call(lane, message);
      });
      vi.spyOn(LaneSender.prototype, "hasRoom", "get").mockImplementation(function (this: LaneSender) {
        return (added.get(this) ?? 0) - this.numbers.first < 1000;
      });
    },
  ],
  [
    "numbers that begin anew with a peer that had gone",
    /one number for two messages|missing|another message/,
    () =>
      replaceMethod(Lane.prototype, "end", (original) => (lane, error) => {
        return { ...original.call(lane, error), first: 1, confirmed: 1 };
      }),
  ],
  [
    "a receiver that forgets where it was with a peer that had gone",
    /another message|too many lost/,
    () =>
      replaceMethod(Lane.prototype, "end", (original) => (lane, error) => ({ ...original.call(lane, error), next: 1 })),
  ],
  [
    "what a peer that had gone has not acknowledged, under new numbers",
    /another message|too many lost/,
    () =>
      replaceMethod(Lane.prototype, "end", (original) => (lane, error) => {
        const { first, high, ...rest } = original.call(lane, error);
        return { ...rest, first: first + rest.kept.length, high: high + rest.kept.length };
      }),
  ],
  [
    "what was given up is not told as lost",
    /missing|another message/,
    () =>
      replaceMethod(LaneReceiver.prototype, "asked", (original) => (lane, numbers) => {
        original.call(lane, numbers);
        return 0;
      }),
  ],
  [
    "a gap that is passed over",
    /missing|another message/,
    () =>
      replaceMethod(LaneReceiver.prototype, "accept", (original) => (lane, seq, bytes, hasRoom) => {
        while (seq > lane.next && hasRoom()) original.call(lane, lane.next, 0, hasRoom);
        return original.call(lane, seq, bytes, hasRoom);
      }),
  ],
  [
    "an app that is not asked for room",
    /no room/,
    () =>
      replaceMethod(LaneReceiver.prototype, "accept", (original) => (lane, seq, bytes) => {
        return original.call(lane, seq, bytes, () => true);
      }),
  ],
];

describe("a lane is seen to be wrong that has", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each(defects)("%s", async (_name, symptom, spoil) => {
    let isSpoilt = false;
    const create = () => {
      const network = new LaneNetwork(["one", "other"]);
      // The classes are spoilt once, and each network on its own.
      if (!isSpoilt || spoil.length > 0) spoil(network);
      isSpoilt = true;
      return network;
    };

    const result = await fc.check(lanesKeepTheirPromise(create), {
      numRuns: 300,
      endOnFailure: true,
      examples: [[goneUnheard], [givenUp]],
    });

    expect(String(result.errorInstance)).toMatch(symptom);
  });
});
