import { expect, it } from "vitest";
import { maxPayloadBytesFor } from "../../relay/limits/payload-limit.ts";
import { BytesPayload } from "../../relay/session/payload.ts";

it.each([4_194_304, 262_144, 65_536, 6144])("leaves room for base64 and an envelope in %i bytes", (maxFrameBytes) => {
  const maxPayloadBytes = maxPayloadBytesFor(maxFrameBytes);

  expect(Math.ceil(maxPayloadBytes / 3) * 4 + 2392).toBeLessThanOrEqual(maxFrameBytes + 3);
  expect(maxPayloadBytes).toBeGreaterThan(maxFrameBytes / 4);
});

it.each([1, 2, 10, 3072])("promises something, and no more than is taken, where %i bytes are", (maxFrameBytes) => {
  expect(maxPayloadBytesFor(maxFrameBytes)).toBeLessThanOrEqual(maxFrameBytes);
  expect(maxPayloadBytesFor(maxFrameBytes)).toBeGreaterThanOrEqual(0);
});

it.each([
  ["bytes", BytesPayload.fromRaw(new Uint8Array(12)), 12],
  ["base64", BytesPayload.fromString(Buffer.alloc(12).toString("base64")), 12],
  ["base64 with one pad", BytesPayload.fromString(Buffer.alloc(11).toString("base64")), 11],
  ["base64 with two pads", BytesPayload.fromString(Buffer.alloc(10).toString("base64")), 10],
  ["text that is not base64", BytesPayload.fromString("not base64: 24 bytes...."), 24],
  ["base64 of another alphabet", BytesPayload.fromString("____________"), 12],
  ["base64 without its padding", BytesPayload.fromString(Buffer.alloc(10).toString("base64").replace("==", "")), 14],
  ["base64 with an escaped slash", BytesPayload.fromJsonText(Buffer.from("AAA\\/")), 3],
] as const)("counts of %s the bytes that an app sees", (_kind, payload, byteCount) => {
  expect(payload.isLargerThan(byteCount)).toBe(false);
  expect(payload.isLargerThan(byteCount - 1)).toBe(true);
  expect(payload.isLargerThan(0)).toBe(true);
});
