import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeFrame,
  encodeAcknowledgement,
  encodeChunk,
  encodeMessage,
  encodeStatus,
  encodeSync,
  MAX_RANGES,
  MAX_SEQ,
  resendOf,
  writeSeq,
} from "../../client/delivery/frame.ts";

const seq = fc.oneof(
  fc.integer({ min: 1, max: 9 }),
  fc.integer({ min: 2 ** 32 - 2, max: 2 ** 32 + 2 }),
  fc.integer({ min: 1, max: MAX_SEQ }),
  fc.constant(MAX_SEQ),
);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const bytes = fc.uint8Array({ maxLength: 100 });

const hex = (frame: Uint8Array): string => Buffer.from(frame).toString("hex");

function numbered(frame: Uint8Array, number: number): Uint8Array {
  writeSeq(frame, number);
  return frame;
}

describe("the frames between two ends", () => {
  it("look like this", () => {
    const payload = Uint8Array.of(0x68, 0x69);

    expect(hex(encodeMessage(258, payload))).toBe("01000000000001026869");
    expect(hex(resendOf(encodeMessage(258, payload)))).toBe("01010000000001026869");
    expect(hex(encodeSync({ seq: 1, base: 2, head: 2 ** 32 + 3, floor: 4, wantsReply: true, isLast: false }))).toBe(
      "0222000000000001000000000002000100000003000000000004",
    );
    expect(hex(encodeSync({ seq: 3, base: undefined, head: 9, floor: 4, wantsReply: false, isLast: true }))).toBe(
      "0240000000000003000000000000000000000009000000000004",
    );
    expect(
      hex(encodeStatus({ seq: 1, next: 5, byteBudget: 65536, ranges: [{ from: 5, count: 7 }], hasState: true })),
    ).toBe("0300000000000001000000000005000100000000000000050007");
    expect(hex(encodeStatus({ seq: 2, next: 0, byteBudget: 1, ranges: [], hasState: false }))).toBe(
      "031000000000000200000000000000000001",
    );
    expect(hex(numbered(encodeChunk(1, payload), 3))).toBe("0400000000000003000000016869");
    expect(hex(numbered(encodeChunk(1, payload, 7), 3))).toBe("040000000000000300000001076869");
    expect(hex(encodeAcknowledgement({ seq: 4, stream: 0, next: 9, byteLimit: 2 ** 20, purpose: "resume" }))).toBe(
      "050400000000000400000000000000000009000000100000",
    );
  });

  it("are read as they were written", () => {
    const frames = fc.oneof(
      fc.record({
        type: fc.constant("message" as const),
        seq,
        payload: fc.uint8Array({ minLength: 1, maxLength: 99 }),
      }),
      fc.record({
        type: fc.constant("sync" as const),
        seq,
        base: fc.option(u32, { nil: undefined }),
        head: u32.map((value) => value + 2 ** 32),
        floor: u32.map((value) => value + 1),
        wantsReply: fc.boolean(),
        isLast: fc.boolean(),
      }),
      fc.record({
        type: fc.constant("status" as const),
        seq,
        next: seq,
        byteBudget: u32,
        ranges: fc.array(fc.record({ from: seq, count: fc.integer({ min: 1, max: 65535 }) }), {
          maxLength: MAX_RANGES,
        }),
        hasState: fc.boolean(),
      }),
      fc.record({ type: fc.constant("chunk" as const), seq, stream: u32, chunk: bytes, isBound: fc.boolean() }),
      fc.record({
        type: fc.constant("acknowledgement" as const),
        seq,
        stream: u32,
        next: seq,
        byteLimit: seq,
        purpose: fc.constantFrom("progress" as const, "resume" as const, "ask" as const),
      }),
    );

    fc.assert(
      fc.property(frames, (frame) => {
        switch (frame.type) {
          case "message": {
            const written = encodeMessage(0, frame.payload);
            writeSeq(written, frame.seq);
            expect(decodeFrame(written)).toEqual({ ...frame, isResend: false });
            expect(decodeFrame(resendOf(written))).toEqual({ ...frame, isResend: true });
            return;
          }
          case "sync":
            expect(decodeFrame(encodeSync(frame))).toEqual(frame);
            return;
          case "status":
            expect(decodeFrame(encodeStatus(frame))).toEqual(frame);
            return;
          case "chunk": {
            const written = numbered(encodeChunk(frame.stream, frame.chunk, undefined, frame), frame.seq);
            const isMessage = frame.isBound && frame.stream === 0;
            expect(decodeFrame(written)).toEqual(isMessage ? { type: "unreadable" } : frame);
            return;
          }
          case "acknowledgement":
            expect(decodeFrame(encodeAcknowledgement(frame))).toEqual(frame);
            return;
        }
      }),
    );
  });

  it("are refused with a word where they are none, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc.tuple(fc.nat(6), bytes).map(([type, rest]) => Uint8Array.of(type, 0, ...rest)),
        ),
        (any) => {
          expect(["message", "sync", "status", "chunk", "acknowledgement", "unreadable", "unknown-kind"]).toContain(
            decodeFrame(any).type,
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ["nothing", "", "unreadable"],
    ["seven bytes", "01000000000001", "unreadable"],
    ["a message of no bytes", "0100000000000001", "unreadable"],
    ["message 0", "010000000000000068", "unreadable"],
    ["type 0", "0000000000000001", "unknown-kind"],
    ["a type of a later version", "0600000000000001", "unknown-kind"],
    ["the last type", "ff00000000000001", "unknown-kind"],
    ["a message with a flag of a later version", "014000000000000168", "unknown-kind"],
    ["a message with another type's flag", "010200000000000168", "unknown-kind"],
    ["a sync that is one byte short", "0200000000000001" + "00".repeat(17), "unreadable"],
    ["a sync that is one byte long", "0200000000000001" + "00".repeat(19), "unreadable"],
    ["a sync with floor 0", "0200000000000001" + "00".repeat(18), "unreadable"],
    ["a sync with a floor beyond its head", `0200000000000001${"00".repeat(12)}000000000002`, "unreadable"],
    ["a sync with a base beyond its head", `020200000000000100000000000100000000000000000000000001`, "unreadable"],
    ["a status without a budget", "0300000000000001000000000001", "unreadable"],
    ["a status with half a range", `0300000000000001${"00".repeat(14)}`, "unreadable"],
    ["a range of nothing", `0300000000000001${"00".repeat(10)}0000000000010000`, "unreadable"],
    ["a range from 0", `0300000000000001${"00".repeat(10)}0000000000000001`, "unreadable"],
    ["257 ranges", `0300000000000001${"00".repeat(10)}${"0000000000010001".repeat(257)}`, "unreadable"],
    ["256 ranges", `0300000000000001${"00".repeat(10)}${"0000000000010001".repeat(256)}`, "status"],
    ["a chunk without its stream", "0400000000000001000000", "unreadable"],
    ["an acknowledgement that is too long", `0500000000000001${"00".repeat(17)}`, "unreadable"],
  ])("%s", (_, frame, type) => {
    expect(decodeFrame(Uint8Array.from(Buffer.from(frame, "hex"))).type).toBe(type);
  });
});
