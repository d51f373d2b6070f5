import fc from "fast-check";
import { expect, it } from "vitest";
import { FrameError, FrameReader } from "../../client/bare/frame-reader.ts";
import { GrowingBytes } from "../../client/bare/growing-bytes.ts";

type Heard = readonly [string, ...unknown[]];

/** A frame as a server sends it. */
function frame(first: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = length < 126 ? [first, length] : [first, 126, length >> 8, length & 0xff];
  const long = [first, 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (length >> shift) & 0xff)];
  return Uint8Array.from([...(length < 65_536 ? head : long), ...payload]);
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What a reader tells of these pieces, in order. @throws FrameError */
function heardOf(pieces: readonly Uint8Array[]): readonly Heard[] {
  const heard: Heard[] = [];
  const reader = new FrameReader({
    onText: (text) => heard.push(["text", text]),
    onBytes: (bytes) => heard.push(["bytes", ...bytes]),
    onPing: (bytes) => heard.push(["ping", ...bytes]),
    onClose: (code, reason) => heard.push(["close", code, reason]),
  });
  for (const piece of pieces) reader.push(piece);
  return heard;
}

function closeCodeOf(...pieces: readonly Uint8Array[]): number | undefined {
  try {
    heardOf(pieces);
    return undefined;
  } catch (error) {
    return error instanceof FrameError ? error.closeCode : -1;
  }
}

it("reads the same, wherever the bytes are cut", () => {
  const frames = [
    frame(0x81, bytesOf("héllo")),
    frame(0x02, Uint8Array.of(1, 2)),
    frame(0x89, Uint8Array.of(9)),
    frame(0x80, Uint8Array.of(3)),
    frame(0x8a, new Uint8Array()),
    frame(0x82, new Uint8Array(300).fill(7)),
    frame(0x82, new Uint8Array()),
    frame(0x88, Uint8Array.of(3, 244, ...bytesOf("restart"))),
    frame(0x81, bytesOf("not read behind it")),
  ];
  const all = Uint8Array.from(frames.flatMap((bytes) => [...bytes]));
  const whole = heardOf([all]);

  expect(whole).toEqual([
    ["text", "héllo"],
    ["ping", 9],
    ["bytes", 1, 2, 3],
    ["bytes", ...new Uint8Array(300).fill(7)],
    ["bytes"],
    ["close", 1012, "restart"],
  ]);
  fc.assert(
    fc.property(fc.array(fc.nat(all.length), { maxLength: 12 }), (cuts) => {
      const edges = [0, ...cuts.toSorted((a, b) => a - b), all.length];
      const pieces = edges.slice(1).map((end, index) => all.slice(edges[index], end));
      expect(heardOf(pieces)).toEqual(whole);
    }),
  );
});

it("reads a message of more than 64 KiB, which has a long header", () => {
  const [heard] = heardOf([frame(0x82, new Uint8Array(70_000).fill(1))]);

  expect(heard?.length).toBe(70_001);
});

it("gives bytes that nothing else is read from", () => {
  const given: Uint8Array[] = [];
  const reader = new FrameReader({
    onText: () => undefined,
    onBytes: (bytes) => given.push(bytes),
    onPing: () => undefined,
    onClose: () => undefined,
  });
  const piece = frame(0x82, Uint8Array.of(1, 2, 3));
  reader.push(piece);
  piece.fill(0);
  reader.push(frame(0x82, Uint8Array.of(4, 5, 6)));
  given[0]?.fill(9);

  expect(given[1]).toEqual(Uint8Array.of(4, 5, 6));
});

it("says no code where a close frame has none", () => {
  expect(heardOf([frame(0x88, new Uint8Array())])).toEqual([["close", undefined, ""]]);
});

it.each([
  ["a masked frame", 1002, [0x82, 0x81, 0, 0, 0, 0, 1]],
  ["a reserved bit", 1002, [0xc2, 0]],
  ["an unknown opcode", 1002, [0x83, 0]],
  ["a ping that is cut up", 1002, [0x09, 0]],
  ["a ping of 126 bytes", 1002, [0x89, 126, 0, 126]],
  ["a message within another", 1002, [0x02, 0, 0x82, 0]],
  ["the rest of a message that has not begun", 1002, [0x80, 0]],
  ["half a close code", 1002, [0x88, 1, 3]],
  ["a text that is not UTF-8", 1007, [0x81, 2, 0xc3, 0x28]],
  ["a message of 68 MiB and one byte", 1009, [0x82, 127, 0, 0, 0, 0, 4, 64, 0, 1]],
  ["a message of all that a header can say", 1009, [0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]],
])("refuses %s with %i", (_what, code, bytes) => {
  expect(closeCodeOf(Uint8Array.from(bytes))).toBe(code);
});

it("counts the pieces of a message together", () => {
  const begin = Uint8Array.of(0x02, 1, 1);

  expect(closeCodeOf(begin, Uint8Array.of(0x80, 127, 0, 0, 0, 0, 4, 64, 0, 0))).toBe(1009);
});

it("makes room for what has come, not for what was announced", () => {
  const announced = Uint8Array.of(0x82, 127, 0, 0, 0, 0, 4, 0, 0, 0);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 20 }, () => {
    const reader = new FrameReader({
      onText: () => undefined,
      onBytes: () => undefined,
      onPing: () => undefined,
      onClose: () => undefined,
    });
    reader.push(announced);
    reader.push(new Uint8Array(100));
    return reader;
  });

  // 20 of 64 MiB were announced.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  expect(readers.length).toBe(20);
});

it("copies what it has now and then alone, however many pieces come", () => {
  const bytes = new GrowingBytes();
  const rooms = new Set<ArrayBufferLike>();
  for (let count = 0; count < 100_000; count += 1) {
    bytes.append(Uint8Array.of(5));
    rooms.add(bytes.peek().buffer);
  }

  expect(rooms.size).toBeLessThan(20);
  expect(bytes.take().length).toBe(100_000);
  expect(bytes.length).toBe(0);
});
