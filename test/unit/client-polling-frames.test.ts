import fc from "fast-check";
import { expect, it } from "vitest";
import { clientCloseFrame, clientFrame, ServerFrames } from "../../client/polling/frames.ts";
import { Uploads } from "../../client/polling/uploads.ts";
import { closeFrame, PING } from "../../relay/wire/control-frame.ts";
import { FrameParser } from "../../relay/wire/frame-parser.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";

/** Everything that pieces of a relay's stream say. */
function read(pieces: readonly Uint8Array[]): { readonly told: readonly unknown[]; readonly isFine: boolean } {
  const told: unknown[] = [];
  const frames = new ServerFrames({
    onText: (text) => told.push(text),
    onBytes: (bytes) => told.push([...bytes]),
    onClose: (code, reason) => told.push({ code, reason }),
  });
  return { told, isFine: pieces.every((piece) => frames.push(piece)) };
}

it("reads the same messages wherever the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 400 }), fc.constantFrom("x".repeat(70_000)))),
      fc.array(fc.nat(80_000)),
      (messages, cuts) => {
        const stream = Buffer.concat([
          ...messages.flatMap((message) => [
            PING,
            messageFrame(typeof message === "string" ? "text" : "binary", Buffer.from(message)),
          ]),
          closeFrame(4000, "bye"),
        ]);
        const places = [0, ...cuts.map((cut) => cut % stream.length).toSorted((a, b) => a - b), stream.length];
        const pieces = places.slice(1).map((end, index) => stream.subarray(places[index], end));

        const { told, isFine } = read(pieces);

        const expected = messages.map((message) => (typeof message === "string" ? message : [...message]));
        expect(told).toEqual([...expected, { code: 4000, reason: "bye" }]);
        expect(isFine).toBe(true);
      },
    ),
  );
});

it.each([
  ["a mask", [0x81, 0x80, 0, 0, 0, 0]],
  ["a fragment", [0x01, 1, 65]],
  ["a reserved bit", [0xc1, 1, 65]],
  ["an opcode that is none", [0x83, 0]],
  ["a length beyond all", [0x82, 127, 0, 1, 0, 0, 0, 0, 0, 0]],
])("takes no frame with %s", (_name, bytes) => {
  expect(read([Uint8Array.from(bytes)]).isFine).toBe(false);
});

it("writes frames that a relay reads, cut into uploads of any size", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.uint8Array({ minLength: 1, maxLength: 90_000 }))), (messages) => {
      const uploads = new Uploads();
      for (const message of messages) uploads.add(clientFrame(message));
      uploads.add(clientCloseFrame(1000, "bye"));
      const said: unknown[] = [];
      const parser = new FrameParser(
        {
          onMessage: (bytes, isBinary) => said.push(isBinary ? [...bytes] : bytes.toString()),
          onPing: () => undefined,
          onPong: () => undefined,
          onClose: (code) => said.push({ code }),
        },
        { maxMessageBytes: 100_000, mayBeFragmented: false },
      );

      const numbers = [];
      for (let upload = uploads.next(); upload !== undefined; upload = uploads.next()) {
        numbers.push(upload.number);
        expect(parser.push(Buffer.from(upload.body))).toBeUndefined();
        uploads.applied(upload.body.length, 10, 524_288);
      }

      const expected = messages.map((message) => (typeof message === "string" ? message : [...message]));
      expect(said).toEqual([...expected, { code: 1000 }]);
      expect(numbers).toEqual(numbers.map((_, index) => index));
      expect(uploads.isEmpty).toBe(true);
    }),
    { numRuns: 30 },
  );
});

it("has one upload under way until the session is open, then two, and larger ones while they are quick", () => {
  const uploads = new Uploads();
  uploads.add(clientFrame(new Uint8Array(400_000)));

  const first = uploads.next();
  const early = uploads.next();
  uploads.applied(first?.body.length ?? 0, 10, 65_536);
  const sizes = [];
  for (let count = 0; count < 5; count += 1) {
    const pair = [uploads.next(), uploads.next()];
    expect(uploads.next()).toBeUndefined();
    for (const upload of pair) uploads.applied(upload?.body.length ?? 0, 10, 65_536);
    sizes.push(pair[0]?.body.length);
  }

  expect([first?.body.length, early]).toEqual([16_384, undefined]);
  expect(sizes.slice(0, 3)).toEqual([32_768, 65_536, 65_536]);
});
