import { expect, it } from "vitest";
import { causes } from "../../client/doctor/common/causes.ts";
import { checkNames } from "../../client/doctor/common/finding.ts";
import { tableRows } from "../support/table-rows.ts";

it("lists in docs/doctor.md every cause with its exit code, what it is, what to do and who can, and no other", () => {
  const listed = tableRows("docs/doctor.md", "## Causes").map(([code, name, sentence, , remedy, who]) => [
    Number(code),
    name?.replaceAll("`", ""),
    sentence,
    remedy,
    who,
  ]);

  const expected = Object.entries(causes).map(([name, { exitCode, sentence, remedy, who }]) => [
    exitCode,
    name,
    sentence,
    remedy,
    who,
  ]);
  expect(listed).toEqual(expected);
});

it("has an exit code of its own for every cause, that is none of the shell's or of the other commands", () => {
  const codes = Object.values(causes).map(({ exitCode }) => exitCode);

  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.filter((code) => code < 10 || code > 120)).toEqual([]);
});

it("lists in docs/doctor.md every check, in its order", () => {
  expect(tableRows("docs/doctor.md", "## Checks").map(([check]) => check)).toEqual([...checkNames]);
});
