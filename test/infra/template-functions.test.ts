import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { TEMPLATES } from "./template-copy.ts";

/** With one more, what is compiled "has errors", and nothing says which: tried with version 0.49 of the compiler. */
const MAX_FUNCTIONS = 64;

it("has no more functions than one template may have", () => {
  const texts = TEMPLATES.map((path) => readFileSync(path, "utf8"));
  const functions = texts.flatMap((text) => [...text.matchAll(/^func (\w+)/gm)]);

  expect(functions.length).toBeGreaterThan(50);
  expect(functions.length).toBeLessThanOrEqual(MAX_FUNCTIONS);
});
