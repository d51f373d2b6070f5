import fc from "fast-check";
import { expect, it } from "vitest";
import { decodeV1ClientMessage, encodeV1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { encodeV1RelayMessage } from "../../protocol/v1-relay-messages.ts";

const pad = fc.oneof(fc.constantFrom(undefined, "", "x".repeat(32_768)), fc.string({ unit: "binary" }));
const ref = fc.option(fc.integer({ min: 0, max: 0xffff_ffff }), { nil: undefined });
/** Every character as an escape, and other ways of writing that are longer than the relay's own. */
const loose = fc
  .string({ unit: "grapheme" })
  .map((value) =>
    value
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  )
  .map((escaped) => `{ "pad" : "${escaped}", "type":"p\\u0069ng", "ref":1e0 }`);
const tight = fc.tuple(pad, ref).map(([value, own]) => encodeV1ClientMessage({ type: "ping", pad: value, ref: own }));

it("writes a pong that is never longer than its ping, however the ping is written", () => {
  fc.assert(
    fc.property(fc.oneof(tight, loose), (text) => {
      const decoded = decodeV1ClientMessage(text);

      expect(decoded.type).toBe("ping");
      const answer = encodeV1RelayMessage({ ...decoded, type: "pong" });
      expect(Buffer.byteLength(answer)).toBeLessThanOrEqual(Buffer.byteLength(text));
    }),
  );
});
