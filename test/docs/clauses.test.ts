import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { tableRows } from "../support/table-rows.ts";

const clauses = tableRows("docs/protocols.md", "## Clauses").map(([id = ""]) => id);
const tests = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((path) => /\.test\.ts$|^contract\//.test(path) && !path.endsWith("clauses.test.ts"))
  .map((path) => readFileSync(`test/${path}`, "utf8"));
const named = new Set(
  tests.flatMap((text) =>
    [...text.matchAll(/\[((?:TOPIC|GUN|PAIR|PATH|AGENT|MESH|VAUCHI)-\d+)\]/g)].map(([, id]) => id),
  ),
);

it("has a test for every clause of the other systems' protocols, with its id in the title", () => {
  expect(clauses.length).toBeGreaterThan(15);
  expect(clauses.filter((id) => !named.has(id))).toEqual([]);
});

it("has a clause for every id that a test names", () => {
  expect([...named].filter((id) => id === undefined || !clauses.includes(id))).toEqual([]);
});
