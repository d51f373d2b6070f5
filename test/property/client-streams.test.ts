import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DirectLanes } from "../../client/delivery/direct-lanes.ts";
import { writeSeq } from "../../client/delivery/frame.ts";
import { LaneReceiver } from "../../client/delivery/lane-receiver.ts";
import { LaneSender } from "../../client/delivery/lane-sender.ts";
import { ReadSide } from "../../client/streams/read-side.ts";
import { replaceMethod } from "../support/replace-method.ts";
import { type StreamStep, streamsKeepTheirPromise } from "../support/stream-properties.ts";

it("brings the bytes of each stream once and in order, or says that it has failed, over cuts, losses, stalls and aborts", async () => {
  const result = await fc.check(streamsKeepTheirPromise(), { numRuns: 100 });

  expect(result.failed ? [result.counterexample, String(result.errorInstance)] : []).toEqual([]);
});

const write = (size: number, isOpener = true): StreamStep => ({ do: "write", stream: 0, isOpener, size });
const pass = (durationMs: number): StreamStep => ({ do: "pass", durationMs });
const cut: StreamStep = { do: "cut", end: 0, downMs: 500 };

/** Much is written that nobody reads. */
const unread: StreamStep[] = [...Array(30).fill(write(60_000)), pass(400), ...Array(30).fill(write(60_000)), pass(400)];
/** What was sent last has not arrived when the line is cut. */
const cutInside: StreamStep[] = [write(50_000), pass(30), write(50_000), write(70_000), pass(5), cut, pass(2000)];
/** Both have ended, and the last acknowledgement is lost. */
const endUnheard: StreamStep[] = [
  { do: "read", stream: 0, isOpener: true, isReading: true },
  { do: "read", stream: 0, isOpener: false, isReading: true },
  { do: "close", stream: 0, isOpener: true },
  pass(400),
  { do: "close", stream: 0, isOpener: false },
  pass(12),
  cut,
  pass(2000),
];
/** The one end has given the other up, which does not know it. */
const givenUp: StreamStep[] = [write(5000), { do: "cut", end: 0, downMs: 12_000 }, pass(30_000)];

/** What could be wrong, what is seen of it, and steps that are sure to meet it. */
const defects: readonly (readonly [string, RegExp, StreamStep[], () => void])[] = [
  [
    "a chunk that is cut anew when it is sent again",
    /one number for two messages/,
    cutInside,
    () => {
      const sent = new WeakSet<Uint8Array>();
      replaceMethod(LaneSender.prototype, "take", (original) => (lane) => {
        const frame = original.call(lane);
        if (frame === undefined || !sent.has(frame)) {
          if (frame !== undefined) sent.add(frame);
          return frame;
        }
        return frame.byteLength > 100 ? frame.slice(0, -1) : frame;
      });
    },
  ],
  [
    "a number that is given twice, when what was sent is given up",
    /one number for two messages/,
    [...Array(5).fill(write(1000)), { do: "abort", stream: 0, isOpener: true }, pass(400)],
    () =>
      replaceMethod(LaneSender.prototype, "dropUnsent", () => (lane) => {
        // As if nothing of it had ever been sent.
        vi.spyOn(lane, "add").mockImplementationOnce((message) => {
          writeSeq(message.frame, lane.numbers.first);
          vi.spyOn(lane, "take").mockImplementationOnce(() => message.frame);
          return lane.numbers.first;
        });
        return 0;
      }),
  ],
  [
    "credit that is counted twice",
    /bytes were taken in advance/,
    unread,
    () =>
      replaceMethod(LaneReceiver.prototype, "hold", (original) => (lane, bytes) => {
        original.call(lane, bytes / 2);
      }),
  ],
  [
    "a window that does not open again",
    /waits|missing|never closed|no end/,
    unread,
    () => replaceMethod(LaneReceiver.prototype, "read", () => () => undefined),
  ],
  [
    "an end that overtakes the bytes before it",
    /an end before the last byte|missing/,
    [write(50_000), { do: "close", stream: 0, isOpener: true }, pass(400)],
    () =>
      replaceMethod(ReadSide.prototype, "push", (original) => (side, bytes) => {
        void Promise.resolve().then(() => Promise.resolve().then(() => original.call(side, bytes)));
      }),
  ],
  [
    "a resume at the wrong offset",
    /missing|another byte|never closed|no end/,
    cutInside,
    () =>
      replaceMethod(LaneSender.prototype, "rewind", (original) => (lane) => {
        original.call(lane);
        lane.take();
      }),
  ],
  [
    "a gap that is passed over",
    /missing|another byte|end before|never closed/,
    cutInside,
    () =>
      replaceMethod(LaneReceiver.prototype, "accept", (original) => (lane, seq, bytes, hasRoom) => {
        while (seq > lane.next && hasRoom()) original.call(lane, lane.next, 0, hasRoom);
        return original.call(lane, seq, bytes, hasRoom);
      }),
  ],
  [
    "bytes that are delivered again when they are sent again",
    /another byte|more than was written|unreadable/,
    [{ do: "double", count: 2 }, write(5000), write(5000), pass(400)],
    () =>
      replaceMethod(LaneReceiver.prototype, "accept", (original) => (lane, seq, bytes, hasRoom) => {
        return original.call(lane, seq, bytes, hasRoom) || (seq > 1 && seq < lane.next);
      }),
  ],
  [
    "a peer that has given a stream up and does not say so",
    /waits for ever|never closed/,
    givenUp,
    () => spoilAnswer(({ next }) => (next === 0 ? undefined : next)),
  ],
  ["a stream that has ended and is forgotten at once", /failed: peer-gone/, endUnheard, () => spoilAnswer(() => 0)],
];

describe("a stream is seen to be wrong that has", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each(defects)("%s", async (_name, symptom, example, spoil) => {
    spoil();

    const result = await fc.check(streamsKeepTheirPromise(), {
      numRuns: 100,
      endOnFailure: true,
      examples: [[example]],
    });

    expect(String(result.errorInstance)).toMatch(symptom);
  });
});

/** Changes what is said of streams that are not here; undefined: nothing is said. */
function spoilAnswer(nextOf: (position: { readonly next: number }) => number | undefined): void {
  replaceMethod(
    DirectLanes.prototype,
    "extend",
    (original) => (lanes, make) =>
      original.call(lanes, (shared) =>
        make({
          ...shared,
          answer: (sid, stream, position) => {
            const next = nextOf(position);
            if (next !== undefined) shared.answer(sid, stream, { ...position, next });
          },
        }),
      ),
  );
}
