import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { Batch } from "../../relay/websocket/batch.ts";
import { SendQueue } from "../../relay/websocket/send-queue.ts";
import { frameMemory, LARGE_FRAME_BYTES } from "../../relay/wire/frame-memory.ts";
import { messageFrame, messageFrameAround } from "../../relay/wire/message-frame.ts";

const LINKS = 2;
const START = Buffer.from("start of 12.");

/** Few, so that memory fits again. */
const size = fc.constantFrom(100, 16_360, 20_000, 50_000, 52_000, 200_000);

/** What happens to the links of one topic, in some order. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("publish"), bytes: size }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("publish in place"), bytes: size }),
  },
  { weight: 10, arbitrary: fc.record({ type: fc.constant("take"), link: fc.nat(LINKS - 1) }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant("written"), link: fc.nat(LINKS - 1) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("end"), link: fc.nat(LINKS - 1) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A queue, what it still has to give out, and the write under way with what it must hold until it is written. */
class Reader {
  readonly queue: SendQueue;
  #expected: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #writing: { readonly bytes: Uint8Array; readonly copy: Buffer } | undefined;

  constructor(root: Batch) {
    this.queue = new SendQueue(root);
  }

  append(frame: Uint8Array): void {
    if (this.#isEnded) return;
    this.queue.append(frame);
    this.#expected = Buffer.concat([this.#expected, frame]);
  }

  take(): void {
    if (this.#writing !== undefined || this.#isEnded) return;
    const bytes = this.queue.take(undefined, 0);
    if (bytes === undefined) return;
    this.#writing = { bytes, copy: Buffer.from(bytes) };
    expect(this.#expected.subarray(0, bytes.length).equals(bytes)).toBe(true);
    this.#expected = this.#expected.subarray(bytes.length);
  }

  written(): void {
    if (this.#writing === undefined) return;
    expect(this.#writing.copy.equals(this.#writing.bytes)).toBe(true);
    this.#writing = undefined;
    this.queue.written();
  }

  /** The socket is gone: a write under way never completes. */
  end(): void {
    this.#isEnded = true;
    this.queue.clear();
  }

  drain(): void {
    for (this.written(), this.take(); this.#writing !== undefined; this.take()) this.written();
    if (!this.#isEnded) expect(this.#expected.length).toBe(0);
  }
}

/** As the parser does: the frame came into a piece of the memory, and the payload is handed out as a view of it. */
function publishInPlace(byteCount: number, fill: number, publish: (frame: Uint8Array) => void): void {
  const headerBytes = 14 + START.length;
  const piece = frameMemory.take(Math.max(LARGE_FRAME_BYTES, headerBytes + byteCount));
  frameMemory.retain(piece);
  piece.fill(fill);
  publish(messageFrameAround("binary", START, piece.subarray(headerBytes, headerBytes + byteCount)));
  frameMemory.release(piece);
}

function run(steps: readonly Step[]): void {
  const root = Batch.empty();
  const readers = Array.from({ length: LINKS }, () => new Reader(root));
  let fill = 0;
  for (const next of steps) {
    fill = (fill + 1) % 256;
    const publish = (frame: Uint8Array) => readers.forEach((reader) => reader.append(frame));
    if ("link" in next) {
      const reader = readers[next.link];
      if (next.type === "take") reader?.take();
      else if (next.type === "written") reader?.written();
      else reader?.end();
    } else if (next.type === "publish") publish(messageFrame("text", START, Buffer.alloc(next.bytes, fill)));
    else publishInPlace(next.bytes, fill, publish);
  }
  for (const reader of readers) reader.drain();
}

it("gives every link the bytes of its own frames, whatever memory is used again while they wait", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 100 }), run), { numRuns: 300 });
});

/** The same modules once more, with a memory that no other test has used. */
async function importAnew() {
  vi.resetModules();
  const [batch, sendQueue, frame] = await Promise.all([
    import("../../relay/websocket/batch.ts"),
    import("../../relay/websocket/send-queue.ts"),
    import("../../relay/wire/message-frame.ts"),
  ]);
  return { ...batch, ...sendQueue, ...frame };
}

it("uses the memory of a large frame again once the last link has written it, and not before", async () => {
  const anew = await importAnew();
  const root = anew.Batch.empty();
  const queues = [new anew.SendQueue(root), new anew.SendQueue(root)];
  const frame = anew.messageFrame("binary", START, Buffer.alloc(90_000));
  for (const queue of queues) queue.append(frame);
  for (const queue of queues) queue.take(undefined, 0);

  queues[0]?.written();
  const whileOneWrites = anew.messageFrame("binary", START, Buffer.alloc(90_000));
  queues[1]?.written();
  const afterBoth = anew.messageFrame("binary", START, Buffer.alloc(90_000));

  expect(whileOneWrites.buffer).not.toBe(frame.buffer);
  expect(afterBoth.buffer).toBe(frame.buffer);
});

it("frames a large payload where it lies, and copies one that has no room before it", () => {
  const piece = frameMemory.take(40_000);
  const payload = piece.subarray(26);
  const expected = messageFrame("binary", START, payload);

  const tight = messageFrameAround("binary", START, piece.subarray(8));
  const inPlace = messageFrameAround("binary", START, payload);

  expect(Buffer.from(inPlace).equals(expected)).toBe(true);
  expect(inPlace.buffer).toBe(piece.buffer);
  expect(tight.buffer).not.toBe(piece.buffer);
});
