import fc from "fast-check";
import { expect, it } from "vitest";
import { membersOf, readJsonMessage } from "../../relay/json-members.ts";

/** JSON of any kind, written with and without spaces. */
const object = fc
  .tuple(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), fc.constantFrom(0, 1, "\t"))
  .map(([value, indent]) => ({ value, text: JSON.stringify(value, null, indent) }));

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

it("finds of every object the members that JSON.parse finds, as they are written", () => {
  fc.assert(
    fc.property(object, ({ text }) => {
      const parsed = JSON.parse(text) as Record<string, unknown>;

      const members = membersOf(Buffer.from(text));

      // The order of JSON.parse is another one: numbers come first.
      expect(members.map(({ name }) => name).toSorted()).toEqual(Object.keys(parsed).toSorted());
      for (const { name, key, value } of members) {
        expect(JSON.parse(textOf(key))).toBe(name);
        expect(JSON.parse(textOf(value))).toEqual(parsed[name]);
        expect(text).toContain(textOf(value));
      }
    }),
  );
});

it("puts what it finds together to the same object again", () => {
  fc.assert(
    fc.property(object, ({ text }) => {
      const members = membersOf(Buffer.from(text));

      const again = `{${members.map(({ key, value }) => `${textOf(key)}:${textOf(value)}`).join(",")}}`;

      expect(JSON.parse(again)).toEqual(JSON.parse(text));
    }),
  );
});

it("takes of bytes of any kind what JSON.parse takes, and never throws", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc.string().map((text) => Buffer.from(text)),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        const message = readJsonMessage(bytes);

        const text = Buffer.from(bytes).toString();
        if (message !== undefined) expect(message.value).toEqual(JSON.parse(text));
        else
          expect(() => JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))).toThrow();
      },
    ),
  );
});

it.each([
  ['{"a":1,"\\u0061":2}', "2"],
  ['{"a":1,"a":{"a":3}}', '{"a":3}'],
  ['{ "b\\"" : "}" , "a" : [ "," , { } ] }', '[ "," , { } ]'],
  ['{"b\\\\":"\\\\","a":"x\\\\"}', '"x\\\\"'],
  ['{"a":1795200876384.0}', "1795200876384.0"],
  ['{"__proto__":1,"a":-0}', "-0"],
])("takes of %s the last member of a name, however it is written", (text, value) => {
  expect(textOf(readJsonMessage(Buffer.from(text))?.members.get("a")?.value)).toBe(value);
});

it.each([
  ["deeper than 64", `${"[".repeat(65)}${"]".repeat(65)}`],
  ["of more than 10,000 objects", `[${"{},".repeat(10_000)}{}]`],
  ["of more than 100,000 values", `[${"1,".repeat(100_001)}1]`],
  ["with a byte order mark", '\uFEFF{"a":1}'],
])("does not read what is %s", (_, text) => {
  expect(readJsonMessage(Buffer.from(text))).toBeUndefined();
});

it("reads as much as is bounded", () => {
  expect(readJsonMessage(Buffer.from(`${"[".repeat(64)}${"]".repeat(64)}`))).toBeDefined();
  expect(readJsonMessage(Buffer.from(`[${"1,".repeat(99_999)}1]`))).toBeDefined();
  expect(readJsonMessage(Buffer.from(`"${"[{,:".repeat(100_000)}"`))).toBeDefined();
});
