import fc from "fast-check";
import { expect, it } from "vitest";
import { FrameScanner, FrameUnwrapper, maskedFrame, Opcode } from "../../scripts/bench/generator/frame-scanner.ts";
import { MqttScanner } from "../../scripts/bench/generator/mqtt-scanner.ts";
import { NatsScanner } from "../../scripts/bench/generator/nats-scanner.ts";
import { FixedSizeScanner, type ScanHandler, type Scanner } from "../../scripts/bench/generator/scanner.ts";

const ALL = { keepBytes: 1_000_000 };

/** Keeps what a scanner finds, as text. */
class Found implements ScanHandler {
  readonly list: string[] = [];

  onMessage(bytes: Uint8Array, start: number, byteCount: number): void {
    this.list.push(`message ${Buffer.from(bytes).toString("latin1", start, start + byteCount)}`);
  }

  onControl(kind: number, bytes: Uint8Array, start: number, byteCount: number): void {
    this.list.push(`control ${kind} ${Buffer.from(bytes).toString("latin1", start, start + byteCount)}`);
  }
}

/** Gives a stream to a scanner, cut at these places. */
function pushCut(scanner: Scanner, stream: Buffer, cuts: readonly number[]): void {
  const places = [0, ...cuts.map((cut) => cut % stream.length).toSorted((a, b) => a - b), stream.length];
  for (const [index, start] of places.entries()) scanner.push(stream, start, places[index + 1] ?? stream.length);
}

/** A server's frame. */
function frame(opcode: number, payload: string): Buffer {
  const { bytes, payloadAt } = maskedFrame(opcode, Buffer.from(payload, "latin1"), Buffer.alloc(4));
  const header = Buffer.from(bytes.subarray(0, payloadAt - 4));
  header[1] = (header[1] ?? 0) & 0x7f;
  return Buffer.concat([header, bytes.subarray(payloadAt)]);
}

/** A server's frame of a message in fragments: its first, one that follows, or the last. */
function fragment(opcode: number, payload: string, { isFinal }: { readonly isFinal: boolean }): Buffer {
  const bytes = frame(opcode, payload);
  bytes[0] = opcode | (isFinal ? 0x80 : 0);
  return bytes;
}

/** Gives all of a stream to a new scanner. */
function scan(stream: Buffer): void {
  new FrameScanner(new Found(), ALL).push(stream, 0, stream.length);
}

const cuts = fc.array(fc.nat(), { maxLength: 40 });

it("finds the same frames however the stream is cut", () => {
  const payloads = ["", "short", "x".repeat(125), "y".repeat(126), "z".repeat(70_000)];
  const stream = Buffer.concat([...payloads.map((payload) => frame(Opcode.text, payload)), frame(Opcode.pong, "p")]);

  fc.assert(
    fc.property(cuts, (places) => {
      const found = new Found();
      pushCut(new FrameScanner(found, ALL), stream, places);
      expect(found.list).toEqual([...payloads.map((payload) => `message ${payload}`), "control 10 p"]);
    }),
    { numRuns: 50 },
  );
});

it("counts a message that comes in pieces although it keeps only its beginning", () => {
  const found: { byteCount: number; beginning: string }[] = [];
  const handler: ScanHandler = {
    onMessage: (bytes, start, byteCount) => {
      found.push({ byteCount, beginning: Buffer.from(bytes).toString("latin1", start, start + 4) });
    },
    onControl: () => undefined,
  };
  const stream = frame(Opcode.binary, `MaRk${"x".repeat(996)}`);

  const scanner = new FrameScanner(handler, { keepBytes: 8 });
  scanner.push(stream, 0, 3);
  scanner.push(stream, 3, 500);
  scanner.push(stream, 500, stream.length);

  expect(found).toEqual([{ byteCount: 1000, beginning: "MaRk" }]);
});

it("fails where the frame boundary is lost", () => {
  const scanner = new FrameScanner(new Found(), ALL);

  expect(() => scanner.push(Buffer.from("no frame at all"), 0, 15)).toThrow("frame begins with");
});

it("puts the fragments of a message together, however the stream is cut, with control frames between them", () => {
  const stream = Buffer.concat([
    fragment(Opcode.binary, "a".repeat(200), { isFinal: false }),
    frame(Opcode.ping, "still there?"),
    fragment(Opcode.continuation, "", { isFinal: false }),
    fragment(Opcode.continuation, "b".repeat(300), { isFinal: false }),
    frame(Opcode.ping, "and now?"),
    fragment(Opcode.continuation, "c", { isFinal: true }),
    frame(Opcode.text, "whole"),
  ]);

  fc.assert(
    fc.property(cuts, (places) => {
      const found = new Found();
      pushCut(new FrameScanner(found, ALL), stream, places);
      expect(found.list).toEqual([
        "control 9 still there?",
        "control 9 and now?",
        `message ${"a".repeat(200)}${"b".repeat(300)}c`,
        "message whole",
      ]);
    }),
    { numRuns: 50 },
  );
});

it("keeps only the beginning of a message in fragments, and counts all of it", () => {
  const found: number[] = [];
  const handler: ScanHandler = {
    onMessage: (bytes, start, byteCount) => void found.push(byteCount, bytes[start] ?? 0, bytes.length),
    onControl: () => undefined,
  };
  const scanner = new FrameScanner(handler, { keepBytes: 130 });
  const first = fragment(Opcode.binary, "a".repeat(100), { isFinal: false });
  const last = fragment(Opcode.continuation, "b".repeat(70_000), { isFinal: true });

  for (const bytes of [first, last]) scanner.push(bytes, 0, bytes.length);

  expect(found).toEqual([70_100, 0x61, 130]);
});

it("keeps all of a long answer to a join, and from then on only the beginning", () => {
  const found: string[] = [];
  const handler: ScanHandler = {
    onMessage: (bytes, start) => void found.push(Buffer.from(bytes).toString("latin1", start, start + 900)),
    onControl: () => undefined,
  };
  const options = { keepBytes: 1000 };
  const scanner = new FrameScanner(handler, options);

  for (const letter of ["x", "y"]) {
    const stream = frame(Opcode.text, letter.repeat(900));
    scanner.push(stream, 0, 100);
    scanner.push(stream, 100, stream.length);
    options.keepBytes = 8;
  }

  // What the second one left as it was is of the first.
  expect(found).toEqual(["x".repeat(900), `${"y".repeat(125)}${"x".repeat(775)}`]);
});

it("fails where fragments come out of turn", () => {
  const begun = fragment(Opcode.text, "a", { isFinal: false });
  const lone = fragment(Opcode.continuation, "a", { isFinal: true });

  expect(() => scan(lone)).toThrow("opcode 0 out of turn");
  expect(() => scan(Buffer.concat([begun, frame(Opcode.text, "b")]))).toThrow("opcode 1 out of turn");
  expect(() => scan(fragment(Opcode.ping, "0123456789", { isFinal: false }))).toThrow("a control frame in fragments");
});

it("finds NATS deliveries in a stream that was cut into frames anyhow", () => {
  const stream = Buffer.from("INFO {}\r\nMSG t 1 5\r\nhello\r\nPING\r\nMSG t 1 0\r\n\r\nMSG t 1 2\r\nhi\r\n");
  const frames = Buffer.concat([
    frame(Opcode.binary, stream.toString("latin1", 0, 13)),
    frame(Opcode.ping, "p"),
    frame(Opcode.binary, stream.toString("latin1", 13)),
  ]);

  fc.assert(
    fc.property(cuts, (places) => {
      const found = new Found();
      pushCut(new FrameUnwrapper(new NatsScanner(found, ALL), found), frames, places);
      expect(found.list.filter((text) => text.startsWith("message"))).toEqual([
        "message hello",
        "message ",
        "message hi",
      ]);
    }),
    { numRuns: 50 },
  );
});

it("finds MQTT packets of one and of two bytes of length", () => {
  const long = "x".repeat(300);
  const stream = Buffer.concat([
    Buffer.from([0x20, 3, 0, 0, 0, 0x30, 2, 0x68, 0x69, 0x30, 0xac, 0x02]),
    Buffer.from(long),
    Buffer.from([0xd0, 0]),
  ]);

  fc.assert(
    fc.property(cuts, (places) => {
      const found = new Found();
      pushCut(new MqttScanner(found, ALL), stream, places);
      expect(found.list).toEqual(["control 2 \0\0\0", "message hi", `message ${long}`, "control 13 "]);
    }),
    { numRuns: 50 },
  );
});

it("cuts a pipe into messages of one size", () => {
  const found = new Found();

  pushCut(new FixedSizeScanner(found, 4, ALL), Buffer.from("abcdefghijkl"), [1, 6, 7]);

  expect(found.list).toEqual(["message abcd", "message efgh", "message ijkl"]);
});
