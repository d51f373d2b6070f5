import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { withKillTest } from "../../scripts/kill-test/documents.ts";
import type { KillTestResults } from "../../scripts/kill-test/report.ts";

it("shows in docs/kill-test.md what the kill test has found, and nothing else", () => {
  const page = readFileSync("docs/kill-test.md", "utf8");
  const results = JSON.parse(readFileSync("docs/kill-test.json", "utf8")) as KillTestResults;

  expect(withKillTest(page, results)).toBe(page);
  expect(results.trials.length).toBeGreaterThan(0);
});
