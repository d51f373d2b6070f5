import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { toSvg } from "../../scripts/bench/report/chart.ts";
import { withResults } from "../../scripts/bench/report/documents.ts";
import type { Results } from "../../scripts/bench/report/results.ts";
import { toMarkdown } from "../../scripts/bench/report/table.ts";

const page = readFileSync("docs/benchmarks.md", "utf8");
const results = JSON.parse(readFileSync("docs/benchmarks.json", "utf8")) as Results;

/** What only a measurement can say: a cost, a rate, or how many times as much. */
const FIGURE =
  /\d[\d,.]*(?: to \d[\d,.]*)? (?:µs|(?:deliveries|messages|handshakes|joins)(?: per | a |\/)s(?:econd)?\b|times (?:as|faster|cheaper|less|the cost)|KiB (?:per|for each) connection|% (?:faster|cheaper|less CPU))/g;

it("shows in tables and chart what the benchmark has found, and nothing else", () => {
  expect(withResults(page, toMarkdown(results))).toBe(page);
  expect(readFileSync("docs/benchmarks.svg", "utf8")).toBe(toSvg(results));
});

it.each(["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])(
  "says no figure in %s that the page of benchmarks does not",
  (name) => {
    const said = readFileSync(name, "utf8").match(FIGURE) ?? [];

    expect(said.filter((figure) => !page.includes(figure))).toEqual([]);
  },
);

it("would find a figure: the page has many", () => {
  expect("1.5 µs".match(FIGURE)).toEqual(["1.5 µs"]);
  expect("It carries 50,000 deliveries per second at 2.3 times the cost.".match(FIGURE)).toEqual([
    "50,000 deliveries per second",
    "2.3 times the cost",
  ]);
});
