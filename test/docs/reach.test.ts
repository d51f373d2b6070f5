import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { faultRows, quietRows } from "../network/reach/fault-rows.ts";
import { policyRows } from "../network/reach/policy-rows.ts";
import { withTables } from "../network/reach/tables.ts";

it("shows in docs/reach.md the networks and faults that the tests have, with the same outcomes", () => {
  const page = readFileSync("docs/reach.md", "utf8");

  // Written anew by: node test/network/reach/write-tables.ts
  expect(page).toBe(withTables(page));
});

it("has a name of its own for every network and fault", () => {
  const names = [...policyRows, ...faultRows, ...quietRows].map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
});
