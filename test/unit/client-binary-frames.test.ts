import { randomFillSync } from "node:crypto";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BinaryFrames, mask } from "../../client/node/binary-frames.ts";

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
