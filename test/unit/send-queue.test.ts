import { describe, expect, it } from "vitest";
import { Batch } from "../../relay/websocket/batch.ts";
import { ReaderProgress } from "../../relay/websocket/reader-progress.ts";
import { SendQueue } from "../../relay/websocket/send-queue.ts";
import { closeFrame } from "../../relay/wire/control-frame.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { decodeFrames, Opcode, wholeMessages } from "../support/raw-socket.ts";

const WRITE_BYTES = 131_072;

const limits = { stalledReaderTimeoutMs: 10_000, slowReaderTimeoutMs: 15_000, slowReaderBytesPerSecond: 4096 };
const SPACING_BYTES = 16_384;

/** Everything that may be taken now, as frames. Whole frames only: nothing is left in part. */
function takeFrames(queue: SendQueue, progress: ReaderProgress) {
  const writes: Uint8Array[] = [];
  for (let bytes = queue.take(progress, 0); bytes !== undefined; bytes = queue.take(progress, 0)) {
    // Shared memory is used again after it is written.
    writes.push(Buffer.from(bytes));
    queue.written();
  }
  return decodeFrames(Buffer.concat(writes));
}

/** A large one has memory of its own, which is used again: a new one each time. */
const message = (text: string, byteCount: number) => messageFrame("binary", Buffer.alloc(byteCount, text));
const opcodes = (frames: readonly { readonly opcode: number; readonly isFinal: boolean }[]) =>
  frames.map(({ opcode, isFinal }) => (isFinal ? opcode : opcode + 100));

/** Everything that is taken until nothing is left, each write as its length. */
function takeAll(queue: SendQueue): { lengths: number[]; bytes: Buffer } {
  const writes: Uint8Array[] = [];
  for (let bytes = queue.take(undefined, 0); bytes !== undefined; bytes = queue.take(undefined, 0)) {
    writes.push(bytes);
    queue.written();
  }
  return { lengths: writes.map(({ length }) => length), bytes: Buffer.concat(writes) };
}

it("holds more small frames than a call may have arguments, and keeps their order", () => {
  const queue = new SendQueue(Batch.empty());
  const frames = Array.from({ length: 300_000 }, (_, index) => Buffer.from(`${index};`));

  for (const frame of frames) queue.append(frame);
  const { bytes } = takeAll(queue);

  expect(bytes.equals(Buffer.concat(frames))).toBe(true);
  expect(queue.isEmpty).toBe(true);
});

it("counts what a waiting frame costs beside its bytes: a million empty ones are not free", () => {
  const queue = new SendQueue(Batch.empty());

  for (let count = 0; count < 1000; count += 1) queue.append(Buffer.alloc(1));

  expect(queue.byteCount).toBe(1000 * 257);
});

it("cuts a frame that is more than one write, so that a slow reader's progress can be seen", () => {
  const queue = new SendQueue(Batch.empty());
  const frame = Buffer.alloc(300_000, "x");
  queue.append(frame);

  const { lengths, bytes } = takeAll(queue);

  expect(lengths).toEqual([WRITE_BYTES, WRITE_BYTES, 300_000 - 2 * WRITE_BYTES]);
  expect(bytes.equals(frame)).toBe(true);
});

it("puts nothing between the parts of a frame: pongs and pings wait for its end", () => {
  const queue = new SendQueue(Batch.empty());
  queue.append(Buffer.alloc(WRITE_BYTES + 1, "x"));
  queue.append(Buffer.from("next"));
  queue.take(undefined, 0);

  queue.pong(Buffer.from("!"));
  queue.ping();

  expect(takeAll(queue).bytes.toString("latin1")).toBe("x\x8a\x01!\x89\x00next");
});

it("takes the close frame last, and once", () => {
  const queue = new SendQueue(Batch.empty());
  queue.append(Buffer.alloc(WRITE_BYTES, "x"));
  queue.append(Buffer.from("last"));
  queue.close(Buffer.from("close"));
  const first = queue.take(undefined, 0);
  queue.written();

  expect(queue.isCloseTaken).toBe(false);
  expect([first?.length, Buffer.from(queue.take(undefined, 0) ?? "").toString(), queue.take(undefined, 0)]).toEqual([
    WRITE_BYTES,
    "lastclose",
    undefined,
  ]);
  expect(queue.isCloseTaken).toBe(true);
});

it("lets go of what is sent, though the queue never becomes empty", () => {
  const queue = new SendQueue(Batch.empty());
  const sent: WeakRef<Buffer>[] = [];
  const append = () => {
    const frame = Buffer.allocUnsafeSlow(60_000);
    sent.push(new WeakRef(frame));
    queue.append(frame);
  };
  for (let count = 0; count < 20; count += 1) append();

  // A reader that takes as much as comes: a large frame goes alone.
  for (let count = 0; count < 5000; count += 1) {
    queue.take(undefined, 0);
    queue.written();
    append();
  }

  expect(queue.byteCount).toBe(20 * 60_256);
});

describe("with a reader that is asked what it has read", () => {
  it("sends what is larger than the spacing in fragments of it, with pings between, and other messages never", () => {
    const queue = new SendQueue(Batch.empty());
    const progress = new ReaderProgress(limits);
    queue.append(message("a", 100));
    queue.append(message("b", 3 * SPACING_BYTES));
    queue.append(message("c", 100));

    const frames = takeFrames(queue, progress);

    const { binary, continuation, ping } = Opcode;
    expect(opcodes(frames)).toEqual(
      // The first ping goes ahead of the first bytes.
      [ping, binary, binary + 100, ping, continuation + 100, ping, continuation, ping, binary],
    );
    expect(wholeMessages(frames).map(({ payload }) => [payload.toString("latin1", 0, 1), payload.length])).toEqual([
      ["a", 100],
      ["b", 3 * SPACING_BYTES],
      ["c", 100],
    ]);
    expect(queue.isEmpty).toBe(true);
  });

  it("sends a frame that is no larger than the spacing whole", () => {
    const queue = new SendQueue(Batch.empty());
    queue.append(message("a", SPACING_BYTES));
    queue.append(message("b", SPACING_BYTES + 100));

    const frames = takeFrames(queue, new ReaderProgress(limits)).filter(({ opcode }) => opcode !== Opcode.ping);

    expect(opcodes(frames)).toEqual([Opcode.binary, Opcode.binary + 100, Opcode.continuation]);
  });

  it("puts pongs between the fragments of a message, the close frame behind it", () => {
    const queue = new SendQueue(Batch.empty());
    const progress = new ReaderProgress(limits);
    queue.append(message("a", 3 * SPACING_BYTES));
    const asked = Buffer.from(queue.take(progress, 0) ?? "");
    queue.written();
    const first = Buffer.from(queue.take(progress, 0) ?? "");
    queue.written();

    queue.pong(Buffer.from("!"));
    queue.close(closeFrame(1000, ""));
    const frames = [...decodeFrames(asked), ...decodeFrames(first), ...takeFrames(queue, progress)];

    const { binary, continuation, ping, pong, close } = Opcode;
    expect(opcodes(frames)).toEqual([
      ping,
      binary + 100,
      ping,
      pong,
      continuation + 100,
      ping,
      continuation,
      ping,
      close,
    ]);
  });

  it("stops at the window in the middle of a message, and goes on when a pong comes", () => {
    const queue = new SendQueue(Batch.empty());
    const progress = new ReaderProgress(limits);
    queue.append(message("a", 40 * SPACING_BYTES));

    const before = takeFrames(queue, progress);
    const waitingBytes = queue.byteCount;
    queue.ping();
    const whileShut = takeFrames(queue, progress);
    progress.ponged(1, 0);
    const after = takeFrames(queue, progress);

    expect(before.filter(({ opcode }) => opcode === Opcode.ping)).toHaveLength(8);
    expect(waitingBytes).toBeGreaterThan(20 * SPACING_BYTES);
    expect(opcodes(whileShut)).toEqual([Opcode.ping]);
    expect(opcodes(after).slice(0, 2)).toEqual([Opcode.continuation + 100, Opcode.ping]);
  });

  it("sends the rest of a message that was begun in fragments in whatever pieces, when the reader is blind meanwhile", () => {
    const queue = new SendQueue(Batch.empty());
    const progress = new ReaderProgress(limits);
    queue.append(message("a", 10 * SPACING_BYTES));
    queue.append(message("b", 10 * SPACING_BYTES));
    const asked = Buffer.from(queue.take(progress, 0) ?? "");
    queue.written();
    const first = Buffer.from(queue.take(progress, 0) ?? "");
    queue.written();

    progress.unread(0);
    const frames = [...decodeFrames(asked), ...decodeFrames(first), ...takeFrames(queue, progress)];

    expect(wholeMessages(frames).map(({ payload }) => payload.length)).toEqual([
      10 * SPACING_BYTES,
      10 * SPACING_BYTES,
    ]);
    expect(frames.filter(({ opcode }) => opcode === Opcode.ping)).toHaveLength(2);
    // What was not begun goes whole: nothing is to go between.
    expect(frames.at(-1)).toMatchObject({ opcode: Opcode.binary, isFinal: true });
  });

  it("asks first of all when the reader is read again, and not within a frame", () => {
    const queue = new SendQueue(Batch.empty());
    const progress = new ReaderProgress(limits);
    progress.unread(0);
    queue.append(message("a", 4 * SPACING_BYTES));
    queue.append(message("b", 100));
    const pieces = [Buffer.from(queue.take(progress, 0) ?? "")];
    queue.written();

    progress.readAgain(5000);
    for (let bytes = queue.take(progress, 5000); bytes !== undefined; bytes = queue.take(progress, 5000)) {
      pieces.push(Buffer.from(bytes));
      queue.written();
    }

    expect(opcodes(decodeFrames(Buffer.concat(pieces)))).toEqual([Opcode.binary, Opcode.ping, Opcode.binary]);
  });
});
