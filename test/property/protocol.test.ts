import fc from "fast-check";
import { expect, it } from "vitest";
import { classicDataStart, decodeClassicMessage } from "../../protocol/classic-json.ts";
import { errorSentences } from "../../protocol/error-codes.ts";
import { decodeV1Message, v1DataStart } from "../../protocol/v1-json.ts";

const field = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom("", "t", "x".repeat(256), "x".repeat(257), "\ud800"),
  fc.integer(),
  fc.double(),
  fc.constantFrom(null, true, [], {}),
);
const message = fc.record(
  {
    type: fc.oneof(fc.constantFrom("join", "leave", "auth", "data", "offer", "answer", "candidate"), field),
    topic: field,
    peerId: field,
    data: field,
    to: field,
    ref: field,
    payload: field,
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  message.map((value) => JSON.stringify(value)),
  fc.json(),
  fc.string({ unit: "binary" }),
);

it("decodes any text of a classic client into a message whose every field is inside its bounds, or into nothing", () => {
  fc.assert(
    fc.property(text, (input) => {
      const decoded = decodeClassicMessage(input);

      if (decoded?.type === "join") expectNames(decoded);
      if (decoded?.type === "data") expect(decoded.data.length).toBeGreaterThan(0);
    }),
    { numRuns: 2000 },
  );
});

it("decodes any text of a v1 client into a message whose every field is inside its bounds, or into a known code", () => {
  fc.assert(
    fc.property(text, (input) => {
      const decoded = decodeV1Message(input);

      if (decoded.ref !== undefined) expectUint32(decoded.ref, 0);
      if (decoded.type === "invalid") {
        expect(Object.keys(errorSentences)).toContain(decoded.code);
        return;
      }
      if (decoded.type === "auth") return;
      expectNames({ topic: decoded.topic, peerId: decoded.type === "join" ? decoded.peerId : undefined });
      if ("to" in decoded && decoded.to !== undefined) expectUint32(decoded.to, 1);
      if ("data" in decoded) expect(decoded.data.length).toBeGreaterThan(0);
      if ("payload" in decoded) expect(Buffer.byteLength(decoded.payload)).toBeLessThanOrEqual(65_536);
    }),
    { numRuns: 2000 },
  );
});

it("carries any data and any name through an encoder and back unchanged", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (peerId, data) => {
      const end = `${JSON.stringify(data).slice(1, -1)}"}`;
      expect(JSON.parse(classicDataStart({ peerId }) + end)).toEqual({ type: "data", peerId, data });
      expect(JSON.parse(v1DataStart({ topicName: "t", peerId, peerHandle: 1 }) + end)).toEqual({
        type: "data",
        topic: "t",
        peerId,
        peerHandle: 1,
        data,
      });
    }),
  );
});

function expectNames({ topic, peerId }: { topic: string; peerId: string | undefined }): void {
  expectBytes(topic, 256);
  if (peerId !== undefined) expectBytes(peerId, 128);
}

function expectBytes(name: string, maxBytes: number): void {
  expect(name.isWellFormed()).toBe(true);
  expect(Buffer.byteLength(name)).toBeGreaterThan(0);
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(maxBytes);
}

function expectUint32(value: number, min: number): void {
  expect(Number.isInteger(value) && value >= min && value <= 0xffff_ffff).toBe(true);
}
