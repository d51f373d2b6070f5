import { expect, it } from "vitest";
import { Batch } from "../../relay/websocket/batch.ts";
import { SendQueue } from "../../relay/websocket/send-queue.ts";

const WRITE_BYTES = 131_072;

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
