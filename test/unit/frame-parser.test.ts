import fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type FrameHandler, FrameParser, type ProtocolFault } from "../../relay/wire/frame-parser.ts";
import { unmask } from "../../relay/wire/unmask.ts";
import { encodeFrame, Opcode } from "../support/raw-socket.ts";

/** Keeps what the parser finds, copied: the bytes are the parser's own. */
class Found implements FrameHandler {
  readonly found: string[] = [];
  printable: boolean[] = [];
  stopAfter = Number.POSITIVE_INFINITY;
  parser: FrameParser | undefined;

  onMessage(bytes: Buffer, isBinary: boolean, isPrintable: boolean): void {
    this.found.push(`${isBinary ? "binary" : "text"} ${bytes.toString("latin1")}`);
    this.printable.push(isPrintable);
    if (this.found.length === this.stopAfter) this.parser?.stop();
  }

  onPing(payload: Buffer): void {
    this.found.push(`ping ${payload.toString("latin1")}`);
  }

  onPong(payload: Buffer): void {
    this.found.push(`pong ${payload.toString("latin1")}`);
  }

  onClose(code: number | undefined): void {
    this.found.push(`close ${code}`);
  }
}

function parse(
  chunks: readonly Buffer[],
  maxMessageBytes = 1_000_000,
): { found: string[]; fault: ProtocolFault | undefined } {
  const handler = new Found();
  const parser = new FrameParser(handler, { maxMessageBytes });
  let fault: ProtocolFault | undefined;
  for (const chunk of chunks) fault ??= parser.push(Buffer.from(chunk));
  return { found: handler.found, fault };
}

const anyFrame = fc.oneof(
  fc.record({ kind: fc.constant("text"), payload: fc.string({ unit: "binary", maxLength: 200 }), pieces: fc.nat(4) }),
  fc.record({
    kind: fc.constant("binary"),
    payload: fc.string({ minLength: 120, maxLength: 70_000 }),
    pieces: fc.nat(4),
  }),
  fc.record({ kind: fc.constant("ping"), payload: fc.string({ maxLength: 40 }), pieces: fc.constant(0) }),
);

/** A message as frames: whole, or in pieces with a ping between them. */
function framesOf({ kind, payload, pieces }: { kind: string; payload: string; pieces: number }): Buffer {
  const bytes = Buffer.from(payload);
  const opcode = kind === "ping" ? Opcode.ping : kind === "text" ? Opcode.text : Opcode.binary;
  if (pieces === 0) return encodeFrame({ opcode, payload: bytes });
  const size = Math.ceil(bytes.length / pieces) || 1;
  const frames = Array.from({ length: pieces }, (_, index) =>
    encodeFrame({
      opcode: index === 0 ? opcode : Opcode.continuation,
      payload: bytes.subarray(index * size, (index + 1) * size),
      isFinal: index === pieces - 1,
    }),
  );
  return Buffer.concat(frames);
}

it("finds the same messages however the stream is cut into chunks", () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 3000 })), (frames, cuts) => {
      const stream = Buffer.concat(frames.map(framesOf));
      const chunks: Buffer[] = [];
      let at = 0;
      for (const cut of cuts) {
        chunks.push(stream.subarray(at, at + cut));
        at += cut;
      }
      chunks.push(stream.subarray(at));

      const { found, fault } = parse(chunks);

      expect(fault).toBeUndefined();
      expect(found).toEqual(frames.map(({ kind, payload }) => `${kind} ${Buffer.from(payload).toString("latin1")}`));
    }),
  );
});

it("finds a message that comes byte by byte, and keeps no chunk: what a stranger sends in crumbs costs what it weighs", () => {
  const handler = new Found();
  const parser = new FrameParser(handler, { maxMessageBytes: 100_000 });
  const crumb = Buffer.alloc(1);

  for (const byte of encodeFrame({ payload: "x".repeat(70_000) })) {
    crumb[0] = byte;
    parser.push(crumb);
    crumb[0] = 0;
  }

  expect(handler.found).toEqual([`text ${"x".repeat(70_000)}`]);
});

it("gives a pinged handler its ping between the fragments of a message", () => {
  const chunks = [
    encodeFrame({ payload: "one ", isFinal: false }),
    encodeFrame({ opcode: Opcode.ping, payload: "?" }),
    encodeFrame({ opcode: Opcode.continuation, payload: "message" }),
  ];

  expect(parse(chunks).found).toEqual(["ping ?", "text one message"]);
});

it("stops after the message at hand, keeps the rest, and goes on where it stopped", () => {
  const handler = new Found();
  const parser = new FrameParser(handler, { maxMessageBytes: 1000 });
  handler.parser = parser;
  handler.stopAfter = 2;
  const stream = Buffer.concat(["a", "b", "c", "d"].map((payload) => encodeFrame({ payload })));

  parser.push(stream.subarray(0, 18));
  parser.push(Buffer.from(stream.subarray(18)));
  const whileStopped = [...handler.found];
  parser.resume();

  expect(whileStopped).toEqual(["text a", "text b"]);
  expect(handler.found).toEqual(["text a", "text b", "text c", "text d"]);
});

describe("limits", () => {
  it("takes a message at its limit, whole and in fragments", () => {
    const whole = encodeFrame({ payload: "x".repeat(1000) });
    const halves = [
      encodeFrame({ payload: "x".repeat(500), isFinal: false }),
      encodeFrame({ opcode: Opcode.continuation, payload: "x".repeat(500) }),
    ];

    expect(parse([whole, ...halves], 1000)).toMatchObject({ fault: undefined, found: { length: 2 } });
  });

  it("refuses one byte more with 1009, as soon as a header announces it", () => {
    const halves = [
      encodeFrame({ payload: "x".repeat(500), isFinal: false }),
      encodeFrame({ opcode: Opcode.continuation, payload: "x".repeat(501) }).subarray(0, 8),
    ];

    expect(parse([encodeFrame({ payload: "x".repeat(1001) }).subarray(0, 8)], 1000).fault?.code).toBe(1009);
    expect(parse(halves, 1000).fault?.code).toBe(1009);
    expect(parse([encodeFrame({ announcedBytes: 2n ** 63n })], 1000).fault?.code).toBe(1009);
  });

  it("refuses a message in more than 16,384 fragments with 1008", () => {
    const empty = encodeFrame({ opcode: Opcode.continuation, payload: "", isFinal: false });
    const chunks = [encodeFrame({ payload: "", isFinal: false }), ...Array.from({ length: 16_384 }, () => empty)];

    expect(parse(chunks).fault).toEqual({ code: 1008, reason: "too many fragments" });
  });

  it("reads nothing behind a close frame, nor behind a fault", () => {
    const close = encodeFrame({ opcode: Opcode.close, payload: Buffer.from([0x03, 0xe8]) });
    const late = encodeFrame({ payload: "late" });

    expect(parse([Buffer.concat([close, late]), late]).found).toEqual(["close 1000"]);
    expect(parse([Buffer.concat([encodeFrame({ payload: "x", isMasked: false }), late])]).found).toEqual([]);
  });
});

describe("text", () => {
  it("takes UTF-8 that is cut inside a character, and refuses what is not UTF-8 with 1007", () => {
    const door = Buffer.from("🚪");
    const pieces = [
      encodeFrame({ payload: door.subarray(0, 2), isFinal: false }),
      encodeFrame({ opcode: Opcode.continuation, payload: door.subarray(2) }),
    ];

    expect(parse(pieces).found).toEqual([`text ${door.toString("latin1")}`]);
    expect(parse([encodeFrame({ payload: door.subarray(0, 3) })]).fault?.code).toBe(1007);
    expect(parse([encodeFrame({ opcode: Opcode.binary, payload: door.subarray(0, 3) })]).fault).toBeUndefined();
  });
});

it("unmasks any bytes at any offset as the plain definition does, and tells whether all are printable", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.integer({ min: 0x20, max: 0x7f }), { maxLength: 200 }).map((values) => Uint8Array.from(values)),
  );
  fc.assert(
    fc.property(bytes, fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(9), (payload, mask, offset) => {
      const masked = payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0));
      const buffer = new Uint8Array(offset + 4 + payload.length + 3);
      buffer.set(mask, offset);
      buffer.set(masked, offset + 4);

      const isPrintable = unmask(buffer, offset + 4, offset + 4 + payload.length, offset);

      expect(buffer.subarray(offset + 4, offset + 4 + payload.length)).toEqual(payload);
      expect(isPrintable).toBe(payload.every((byte) => byte >= 0x20 && byte < 0x80));
    }),
    { numRuns: 1000 },
  );
});

describe("a large frame", () => {
  const mask = Uint8Array.of(0xa5, 0x00, 0xff, 0x3c);

  /** Unmasks so many letters, one of them replaced. */
  function unmasked(
    count: number,
    at: number,
    byte: number,
  ): { readonly isRight: boolean; readonly isPrintable: boolean } {
    const payload = new Uint8Array(count).map((_, index) => 0x20 + (index % 0x60));
    payload[at] = byte;
    const buffer = new Uint8Array(3 + 4 + count);
    buffer.set(mask, 3);
    buffer.set(
      payload.map((value, index) => value ^ (mask[index & 3] ?? 0)),
      7,
    );
    const isPrintable = unmask(buffer, 7, 7 + count, 3);
    return { isRight: Buffer.from(buffer.subarray(7)).equals(payload), isPrintable };
  }

  const counts = [1023, 1024, 1039, 1040, 65_535, 65_536, 65_537, 65_553, 140_001];

  it.each(counts)("of %i bytes is unmasked whole, and every byte is looked at", (count) => {
    for (const at of [0, 15, 16, count >> 1, count - 17, count - 1]) {
      expect(unmasked(count, at, 0x41)).toEqual({ isRight: true, isPrintable: true });
      for (const byte of [0x00, 0x1f, 0x80, 0xff]) {
        expect(unmasked(count, at, byte)).toEqual({ isRight: true, isPrintable: false });
      }
    }
  });

  it("is unmasked without WebAssembly too", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    vi.resetModules();
    onTestFinished(() => {
      vi.unstubAllGlobals();
      vi.resetModules();
    });
    const { unmask: plainUnmask } = await import("../../relay/wire/unmask.ts");
    const buffer = new Uint8Array(4 + 5000).fill(0x61);
    buffer.set(mask);

    const isPrintable = plainUnmask(buffer, 4, 5004, 0);

    expect(buffer.subarray(4, 8)).toEqual(mask.map((byte) => byte ^ 0x61));
    expect(buffer.subarray(5000)).toEqual(mask.map((byte) => byte ^ 0x61));
    expect(isPrintable).toBe(false);
  });
});
