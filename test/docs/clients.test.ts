import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { clientRows } from "../clients/rows.ts";
import { tableRows } from "../support/table-rows.ts";

const PINS = ["install.sh", "programs/python/requirements.txt", "programs/go/go.mod"];

it("lists in docs/clients.md every client library that the relay is met with, and what is its own about it", () => {
  const rows = tableRows("docs/clients.md", "## The libraries");

  const expected = clientRows.map(({ name, version, limitBytes, shows, sendsOrigin = false }) => [
    name,
    version,
    limitBytes === undefined ? "the relay's" : `${limitBytes.toLocaleString("en-US")} bytes`,
    shows,
    sendsOrigin ? "yes" : "no",
  ]);
  expect(rows).toEqual(expected);
});

it("says in docs/clients.md of every library what to set, and of others only that no test runs them", () => {
  const names = tableRows("docs/clients.md", "## What to set").map(([name = ""]) => name);

  const untold = clientRows.filter((row) => !names.some((name) => row.name.startsWith(name)));
  const others = names.filter((name) => !clientRows.some((row) => row.name.startsWith(name)));
  expect(untold).toEqual([]);
  expect(others.filter((name) => !name.includes("not run by the tests"))).toEqual([]);
});

it("installs the client libraries in the versions that docs/clients.md names", () => {
  const pins = PINS.map((name) => readFileSync(`test/clients/${name}`, "utf8")).join("\n");

  const missing = clientRows.filter(({ version }) => version !== "Debian's" && !pins.includes(version));
  expect(missing.map(({ name }) => name)).toEqual([]);
});
