import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readSourceFiles } from "../../scripts/checks/source-files.ts";

it("has tools that take nothing from the tests: what both need is a tool", () => {
  const broken = readSourceFiles("scripts").flatMap(({ path, imports }) =>
    imports.filter((target) => /^(test\/|vitest)/.test(target)).map((target) => `${path} imports ${target}`),
  );

  expect(broken).toEqual([]);
});

it("skips in one place alone, which prints the reason, and leaves nothing for later", () => {
  const paths = readdirSync("test", { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));

  const skipping = paths.filter(
    (path) =>
      path !== "support/requires.ts" &&
      /\b(it|test|describe)\.(skip|skipIf|runIf|todo|only|fails)\b/.test(readFileSync(`test/${path}`, "utf8")),
  );

  expect(skipping).toEqual([]);
  expect(paths).toContain("support/requires.ts");
});
