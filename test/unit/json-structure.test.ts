import fc from "fast-check";
import { expect, it } from "vitest";
import { surveyJson } from "../../protocol/json-structure.ts";

function survey(text: string): string | undefined {
  const found = surveyJson(Buffer.from(text));
  return found && Buffer.from(found.dataText).toString();
}

/** `{"a":[0,0,...]}` with so many structural characters in all. */
function withStructurals(count: number): string {
  return `{"a":[${"0,".repeat(count - 5)}0]}`;
}

it.each([
  ["1,024 structural characters", withStructurals(1024), true],
  ["one more", withStructurals(1025), false],
  ["a depth of 16", "[".repeat(16) + "]".repeat(16), true],
  ["one deeper", "[".repeat(17) + "]".repeat(17), false],
  ["a megabyte of them inside of a string", `{"data":"${"{[]},:".repeat(200_000)}"}`, true],
  ["a megabyte of them behind an escaped quote", `{"data":"\\"${"{[]},:".repeat(200_000)}"}`, true],
  ["a megabyte of them behind an escaped backslash and the end of a string", `["\\\\"${",{}".repeat(300_000)}]`, false],
  ["them behind many escaped quotes and the end of a string", `["${'\\"'.repeat(9)}"${",{}".repeat(2000)}]`, false],
  ["16 KiB outside of strings", `{"a":${" ".repeat(16_377)}0}`, true],
  ["more than that outside of strings", `{"a":${" ".repeat(16_384)}0}`, false],
  ["strings that follow each other", '""'.repeat(1_000_000), false],
  ["a string without an end", `{"data":"${"x".repeat(1000)}`, false],
  ["a string that an escape keeps open", '{"data":"x\\"', false],
  ["nothing", "", true],
])("%s: %#", (_name, text, isWithin) => {
  expect(survey(text) !== undefined).toBe(isWithin);
});

it.each([
  ['{"type":"data","data":"x"}', "x"],
  ['{"data":"x","type":"data"}', "x"],
  ['{"data":"\\u0041\\/\\"","a":"data"}', '\\u0041\\/\\"'],
  ['{"data":"first","data":"last"}', "last"],
  ['{"data":"first","\\u0064ata":"last"}', "last"],
  ['{"data":"first","data":1}', ""],
  ['{"a":{"data":"inner"},"b":"data"}', ""],
  ['{"a":"data","b":"x"}', ""],
  ['{"data":["x"]}', ""],
])("finds what is delivered of %s", (text, expected) => {
  expect(survey(text)).toBe(expected);
});

it("finds the string that the parser finds, in any JSON and however its names are escaped", () => {
  const name = fc.constantFrom(
    '"data"',
    '"\\u0064ata"',
    '"dat\\u0061"',
    '"d\\u0061t\\u0061"',
    '"type"',
    '"dat\\\\a"',
    '"da"',
  );
  const value = fc.oneof(
    fc.string({ unit: "binary" }).map((string) => JSON.stringify(string)),
    fc.constantFrom(
      '"\\/"',
      '"\\\\"',
      '"\\"\\"\\"\\"\\"\\""',
      '"\\u0022"',
      '""',
      "0",
      "null",
      '{"data":"x"}',
      '["data"]',
    ),
    fc.jsonValue({ maxDepth: 3 }).map((json) => JSON.stringify(json)),
  );
  const object = fc
    .array(fc.tuple(name, value), { maxLength: 6 })
    .map((fields) => `{${fields.map(([key, json]) => `${key}:${json}`).join(" , ")}}`);

  fc.assert(
    fc.property(object, (text) => {
      const { data } = JSON.parse(text) as { data?: unknown };

      expect(JSON.parse(`"${survey(text)}"`)).toBe(typeof data === "string" ? data : "");
    }),
    { numRuns: 2000 },
  );
});

it("never throws, whatever the bytes are", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...'{}[],:"\\ud0ata'.split("")), { maxLength: 60 }), (characters) => {
      surveyJson(Buffer.from(characters.join("")));
    }),
    { numRuns: 5000 },
  );
});
