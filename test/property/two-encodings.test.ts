import fc from "fast-check";
import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import type { Encoding, HubEvent } from "../../relay/hub/ports.ts";
import { BytesPayload } from "../../relay/session/payload.ts";
import { frameMemory } from "../../relay/wire/frame-memory.ts";
import { messageFrame, messageFrameAround } from "../../relay/wire/message-frame.ts";
import { hubOptions } from "../support/hub-options.ts";
import { decodeFrames } from "../support/raw-socket.ts";
import { RecordingLink } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

/** Writes a start of its own around the payload where it lies, as a binary dialect does. */
class AroundEncoding implements Encoding {
  readonly start: Buffer;

  constructor(start: string) {
    this.start = Buffer.from(start);
  }

  takes(): boolean {
    return false;
  }

  isAlikeForAll(): boolean {
    return true;
  }

  encode(event: HubEvent): Uint8Array {
    const raw = event.type === "data" ? event.payload.raw() : null;
    return raw === null ? messageFrame("text", Buffer.of()) : messageFrameAround("binary", this.start, raw);
  }
}

const encodings = [
  new AroundEncoding("twelve bytes"),
  new AroundEncoding("12 of another"),
  new AroundEncoding("5byte"),
  new AroundEncoding(""),
] as const;

/** A message in a piece of the memory of large frames, as the parser hands it out: behind the header it came with. */
const message = fc.record({
  bytes: fc.constantFrom(100, 16_360, 16_384, 30_000, 70_000),
  headBytes: fc.constantFrom(0, 6, 14, 26, 40),
  fill: fc.nat(255),
});
/** In which encoding each receiver gets it, in join order. */
const receivers = fc.array(fc.nat(encodings.length - 1), { minLength: 1, maxLength: 8 });

it("gives every receiver its own start and the sender's bytes, whatever encodings write around one payload", () => {
  fc.assert(
    fc.property(receivers, fc.array(message, { minLength: 1, maxLength: 4 }), (kinds, messages) => {
      const hub = new Hub(hubOptions(), { time: new TestTime() });
      const sentTo: Uint8Array[][] = kinds.map(() => []);
      for (const [index, kind] of kinds.entries()) {
        const link = Object.assign(new RecordingLink(), {
          send: (frame: Uint8Array) => void sentTo[index]?.push(frame),
        });
        const encoding = encodings[kind] ?? encodings[0];
        hub.join(hub.connect(link), { topicName: "t", peerId: `${index}`, encoding }, () => []);
      }
      const sender = hub.join(
        hub.connect(new RecordingLink()),
        { topicName: "t", peerId: "sender", encoding: encodings[0] },
        () => [],
      );

      for (const { bytes, headBytes, fill } of messages) {
        for (const frames of sentTo) frames.length = 0;
        const piece = frameMemory.take(Math.max(16_384, headBytes + bytes));
        frameMemory.retain(piece);
        piece.fill(fill);
        hub.publish(sender, BytesPayload.fromRaw(piece.subarray(headBytes, headBytes + bytes)));

        // Looked at when all are written: what one encoding writes must not change another's frame.
        for (const [index, kind] of kinds.entries()) {
          const start = encodings[kind]?.start ?? Buffer.of();
          const expected = Buffer.concat([start, Buffer.alloc(bytes, fill)]);
          const got = decodeFrames(Buffer.concat(sentTo[index] ?? []));
          expect(got.map(({ payload }) => payload.equals(expected))).toEqual([true]);
        }
        frameMemory.release(piece);
      }
    }),
    { numRuns: 200 },
  );
});

it("extends a piece once for what it holds, and again when it is used for the next message", () => {
  const piece = frameMemory.take(40_000);
  frameMemory.retain(piece);
  const payload = piece.subarray(26);

  const first = frameMemory.extendBack(payload, 20);
  const second = frameMemory.extendBack(payload, 10);
  frameMemory.release(piece);
  const again = frameMemory.take(40_000);
  const third = frameMemory.extendBack(again.subarray(26), 26);

  expect(first?.length).toBe(20 + payload.length);
  expect(second).toBeUndefined();
  expect(again.buffer).toBe(piece.buffer);
  expect(third?.byteOffset).toBe(0);
});
