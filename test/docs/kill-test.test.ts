import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { mergeKillTest, withKillTest } from "../../scripts/kill-test/documents.ts";
import { type KillTestResults, toKillTestMarkdown } from "../../scripts/kill-test/report.ts";

const page = readFileSync("docs/kill-test.md", "utf8");
const results = JSON.parse(readFileSync("docs/kill-test.json", "utf8")) as KillTestResults;

it("shows in docs/kill-test.md what the kill test has found, and nothing else", () => {
  expect(withKillTest(page, results)).toBe(page);
  expect(results.trials.length).toBeGreaterThan(0);
});

it("would find another figure than the measured one", () => {
  const [first, ...others] = results.trials as [KillTestResults["trials"][0], ...KillTestResults["trials"]];
  const better = { ...results, trials: [{ ...first, lostSilently: first.lostSilently + 1 }, ...others] };

  expect(withKillTest(page, better)).not.toBe(page);
});

it("puts a trial in the place of the one before, and keeps the others of the same machine", () => {
  const [again] = results.trials as [KillTestResults["trials"][0]];
  const now = { ...results, trials: [{ ...again, owed: 1 }] };

  const { trials } = mergeKillTest(results, now);

  expect(trials).toHaveLength(results.trials.length);
  expect(trials.map(({ owed }) => owed)).toEqual([1, ...results.trials.slice(1).map(({ owed }) => owed)]);
  expect(() => mergeKillTest({ ...results, machine: { processor: "another" } }, now)).toThrow("another machine");
});

it("says of a long trial how long it was, and of another rate which one", () => {
  const [first] = results.trials as [KillTestResults["trials"][0]];
  const usual = { ...first, disruption: "kill", count: 10, publishedForMs: 75_000, messagesPerSecond: 300 };
  const hour = { ...usual, disruption: "mixed", count: 450, publishedForMs: 3_600_000 };
  const slow = { ...usual, messagesPerSecond: 100 };

  const text = toKillTestMarkdown({ ...results, trials: [usual, hour, slow] }, [
    { name: first.contestant, sentence: "it" },
  ]);

  expect(text).toContain(`| ${first.contestant} | kill × 10 |`);
  expect(text).toContain(`| ${first.contestant} | mixed × 450 in 60 min |`);
  expect(text).toContain(`| ${first.contestant} | kill × 10, 100 messages/s |`);
});
