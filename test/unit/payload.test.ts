import { expect, it } from "vitest";
import { BytesPayload } from "../../relay/session/payload.ts";

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString("latin1"));

it.each([
  ["base64 from a text frame", BytesPayload.fromJsonText(Buffer.from("AAH/")), "AAH/", "\0\u0001\u00ff", true],
  ["text that is no base64", BytesPayload.fromJsonText(Buffer.from("no base64!")), "no base64!", null, true],
  // It decodes, but the bytes would not give it back.
  ["base64 with bits to spare", BytesPayload.fromJsonText(Buffer.from("AB==")), "AB==", null, true],
  ["a string with escapes", BytesPayload.fromString('"\n'), '\\"\\n', null, true],
  ["bytes from a binary frame", BytesPayload.fromRaw(Buffer.of(0, 1, 255)), "AAH/", "\0\u0001\u00ff", false],
  ["no bytes", BytesPayload.fromRaw(Buffer.of()), "", "", false],
  ["no text", BytesPayload.fromString(""), "", "", true],
])("gives %s as text and as bytes", (_name, payload, jsonText, raw, isText) => {
  expect([text(payload.jsonText()), text(payload.raw()), payload.isText]).toEqual([jsonText, raw, isText]);
  expect(text(payload.asSent())).toBe(isText ? jsonText : raw);
  expect(payload.byteLength).toBe(payload.asSent().length);
});

it("converts at most once, however often it is asked", () => {
  const fromRaw = BytesPayload.fromRaw(Buffer.of(1));
  const fromText = BytesPayload.fromJsonText(Buffer.from("AAH/"));

  expect(fromRaw.jsonText()).toBe(fromRaw.jsonText());
  expect(fromText.raw()).toBe(fromText.raw());
});

it.each([
  ["text", (chunk: Buffer) => BytesPayload.fromJsonText(chunk)],
  ["bytes", (chunk: Buffer) => BytesPayload.fromRaw(chunk)],
])("keeps %s beyond the chunk that it looks into, in each form; the original goes with the chunk", (_name, read) => {
  const chunk = Buffer.from("AAH/");
  const whole = read(Buffer.from(chunk));
  const payload = read(chunk);
  // One form has been made before, the other not.
  payload.raw();

  const kept = payload.keep();
  chunk.fill("x");

  expect(text(kept.asSent())).toBe("AAH/");
  expect(text(kept.jsonText())).toBe(text(whole.jsonText()));
  expect(text(kept.raw())).toBe(text(whole.raw()));
  expect([kept.isText, kept.byteLength]).toEqual([whole.isText, 4]);
  expect(text(payload.asSent())).toBe("xxxx");
});

it("can be kept again", () => {
  const kept = BytesPayload.fromRaw(Buffer.from("abc")).keep().keep();

  expect(text(kept.asSent())).toBe("abc");
});
