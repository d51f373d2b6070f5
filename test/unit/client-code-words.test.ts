import { expect, it } from "vitest";
import { codeOf, newCode, parseCode } from "../../client/cli/transfer/code-words.ts";

const SECRET = Uint8Array.from({ length: 16 }, (_, index) => index * 17);

it("is nine words of five letters, another each time, and gives back its secret", () => {
  const code = newCode();

  expect(code).toMatch(
    /^([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz](-([bdfghjklmnprstvz][aiou]){2}[bdfghjklmnprstvz]){8}$/,
  );
  expect(newCode()).not.toBe(code);
  expect(parseCode(codeOf(SECRET))).toEqual(SECRET);
});

it("is written as proquints are: 127.0.0.1 is lusab babad", () => {
  expect(codeOf(Uint8Array.from([127, 0, 0, 1, ...Array(12).fill(0)]))).toMatch(/^lusab-babad-babab-/);
});

it("may be said in any case, with anything between its words", () => {
  const code = codeOf(SECRET);

  expect(parseCode(` ${code.toUpperCase().replaceAll("-", ", ")}.\n`)).toEqual(SECRET);
});

it.each([
  ["", /9 words, and this has 0/],
  ["lusab babad", /9 words, and this has 2/],
  [Array(9).fill("lusax").join("-"), /Word 1 of the code is none/],
  [codeOf(SECRET).replace(/.$/, (last) => (last === "b" ? "d" : "b")), /A letter of the code is wrong/],
  [codeOf(SECRET).split("-").toReversed().join("-"), /two words changed places/],
])("is refused as %j, with what is wrong and without repeating it", (code, problem) => {
  expect(parseCode(code)).toEqual({ problem: expect.stringMatching(problem) });
});
