import { randomFillSync } from "node:crypto";
import { PassThrough, Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BinaryFrames, mask } from "../../client/node/binary-frames.ts";
import { BufferPool } from "../../client/node/buffer-pool.ts";

/** As RFC 6455 section 5.3 has it, a byte at a time. */
function maskedPlainly(bytes: Uint8Array, key: Uint8Array): number[] {
  return [...bytes].map((byte, at) => byte ^ (key[at % 4] ?? 0));
}

/** Writes messages, and gives what was written. */
function written(messages: readonly Uint8Array[]): Buffer {
  const stream = new PassThrough({ highWaterMark: 16_777_216 });
  const frames = new BinaryFrames({ stream, fill: randomFillSync });
  for (const message of messages) frames.write(message);
  return stream.read() as Buffer;
}

describe("masking", () => {
  it("is that of the standard at any address and of any length, and touches nothing beside", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 0, maxLength: 80 }),
        fc.nat(9),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        (bytes, offset, key) => {
          const room = new Uint8Array(offset + bytes.length + 9);
          const inPlace = room.subarray(offset, offset + bytes.length);
          inPlace.set(bytes);

          mask(inPlace, key);

          expect([...inPlace]).toEqual(maskedPlainly(bytes, key));
          expect(
            [...room.subarray(0, offset), ...room.subarray(offset + bytes.length)].every((byte) => byte === 0),
          ).toBe(true);
        },
      ),
    );
  });
});

describe("frames of bytes", () => {
  it("have another key each, also behind all that was made at once", () => {
    const bytes = written(Array.from({ length: 600 }, () => Uint8Array.of(0)));
    // 2 bytes of header, 4 of the key, and one of the message.
    const keys = Array.from({ length: 600 }, (_, index) => bytes.toString("hex", 7 * index + 2, 7 * index + 6));
    expect(new Set(keys).size).toBeGreaterThan(590);
  });
});

describe("the memory of frames", () => {
  const ROOM_BYTES = 32;
  const CHUNK_BYTES = 65_536;

  it("is used again when a frame was written, and no sooner", () => {
    const held: { readonly bytes: Uint8Array; readonly done: () => void }[] = [];
    const stream = new Writable({
      highWaterMark: 1,
      write: (bytes, _encoding, done) => void held.push({ bytes, done }),
    });
    const pool = new BufferPool();
    const frames = new BinaryFrames({ stream, fill: randomFillSync, onWritten: (frame) => pool.give(frame) });
    const buffers: ArrayBufferLike[] = [];
    const write = (fill: number): void => {
      const bytes = pool
        .take(ROOM_BYTES + CHUNK_BYTES)
        .subarray(ROOM_BYTES)
        .fill(fill);
      buffers.push(bytes.buffer);
      frames.write(bytes, ROOM_BYTES);
    };
    for (const fill of [1, 2, 3]) write(fill);
    for (let at = 0; at < 3; at += 1) {
      const { bytes, done } = held[at] ?? { bytes: new Uint8Array(), done: () => undefined };
      // The whole header, in the room before it: 2 bytes, 8 of the length, 4 of the key.
      expect([bytes.length, bytes[0], bytes[1]]).toEqual([14 + CHUNK_BYTES, 0x82, 0xff]);
      expect([...maskedPlainly(bytes.subarray(14, 100), bytes.subarray(10, 14))]).toEqual(Array(86).fill(at + 1));
      done();
    }
    expect(new Set(buffers).size).toBe(3);
  });

  it("is given by a pool to one at a time, whatever is given back, and how often", () => {
    const pool = new BufferPool();
    const first = pool.take(CHUNK_BYTES);
    pool.give(first.subarray(100));
    pool.give(first);
    pool.give(new Uint8Array(CHUNK_BYTES));
    const [again, another] = [pool.take(CHUNK_BYTES), pool.take(CHUNK_BYTES)];

    expect(again.buffer).toBe(first.buffer);
    expect(another.buffer).not.toBe(first.buffer);
    expect([pool.take(100).length, pool.take(100_000).length]).toEqual([100, 100_000]);
  });

  it("is not used again where a write has failed", async () => {
    const pool = new BufferPool();
    const stream = new Writable({ write: (_bytes, _encoding, done) => done(new Error("cut")) });
    stream.on("error", () => undefined);
    const bytes = pool.take(ROOM_BYTES + CHUNK_BYTES).subarray(ROOM_BYTES);

    const onWritten = (frame: Uint8Array): void => pool.give(frame);
    new BinaryFrames({ stream, fill: randomFillSync, onWritten }).write(bytes, ROOM_BYTES);
    await new Promise((resolve) => stream.on("close", resolve));

    expect(pool.take(CHUNK_BYTES).buffer).not.toBe(bytes.buffer);
  });
});
