import { expect, it } from "vitest";
import { Histogram } from "../../scripts/bench/generator/histogram.ts";
import type { Measurement } from "../../scripts/bench/generator/measurement.ts";
import { toSvg } from "../../scripts/bench/report/chart.ts";
import { mergeResults, withResults } from "../../scripts/bench/report/documents.ts";
import { type Cell, type Results, type Run, toCell, toRun } from "../../scripts/bench/report/results.ts";
import { fitLine, median, medianInterval } from "../../scripts/bench/report/statistics.ts";
import { toMarkdown } from "../../scripts/bench/report/table.ts";
import type { Workload } from "../../scripts/bench/workload.ts";
import { workloads } from "../../scripts/bench/workloads.ts";

const [workload] = workloads as readonly [Workload];

const measurement: Measurement = {
  count: 1_000_000,
  seconds: 2,
  serverCpuSeconds: 1.5,
  generatorCpuSeconds: 1,
  waitSeconds: 0.1,
  p50Micros: 500,
  p99Micros: 4000,
  serverResidentBytes: 2 ** 27,
};

function runOf(cost: number): Run {
  return { ...toRun(measurement), cost };
}

function cellOf(contestant: string, costs: readonly number[], yardstickCosts: readonly number[]): Cell {
  const cell = toCell(workload, contestant, costs.map(runOf), yardstickCosts.map(runOf));
  if (cell === undefined) throw new Error("no runs");
  return cell;
}

function resultsOf(...cells: readonly Cell[]): Results {
  return {
    format: 2,
    runs: [{ command: "npm run bench", finishedAt: "now", rounds: 3, measureMs: 2000, loadBefore: 0.5 }],
    machine: { cores: "two" },
    skipped: [],
    failures: [],
    checks: [],
    cells,
  };
}

it("takes the middle of an odd number of values, and the mean of the two in the middle of an even one", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

it("tells between which values a median lies, and how surely", () => {
  expect(medianInterval([5, 1, 4, 2, 3])).toEqual({ low: 1, high: 5, confidence: 0.9375 });
  expect(medianInterval([1, 2])).toEqual({ low: 1, high: 2, confidence: 0.5 });
  expect(medianInterval([1])).toMatchObject({ low: 1, high: 1, confidence: 0 });
});

it("leaves the outermost of many values out, and stays 90 % sure", () => {
  const values = Array.from({ length: 20 }, (_, index) => index + 1);

  const { low, high, confidence } = medianInterval(values);

  // Of 20 coins, 5 or fewer heads come up with a chance of 2.1 %, 6 or fewer with one of 5.8 %.
  expect([low, high]).toEqual([6, 15]);
  expect(confidence).toBeCloseTo(0.959, 3);
});

it("finds the line through points that lie on one", () => {
  const points = [1, 3, 10].map((x) => [x, 2 * x + 10] as const);

  const { slope, base } = fitLine(points);

  expect(slope).toBeCloseTo(2, 10);
  expect(base).toBeCloseTo(10, 10);
});

it("tells percentiles of latencies to 4 %", () => {
  const histogram = new Histogram();

  for (let micros = 1; micros <= 10_000; micros += 1) histogram.add(micros);

  expect(histogram.percentileMicros(0.5) / 5000).toBeCloseTo(1, 1);
  expect(histogram.percentileMicros(0.99)).toBeGreaterThan(9504);
  expect(histogram.percentileMicros(0.99)).toBeLessThanOrEqual(9900);
});

it("tells small latencies exactly, and nothing of none", () => {
  const histogram = new Histogram();

  expect(histogram.percentileMicros(0.5)).toBe(0);
  for (const micros of [7, 7, 9]) histogram.add(micros);
  expect(histogram.percentileMicros(0.5)).toBe(7);
  expect(histogram.percentileMicros(0.99)).toBe(9);
});

it("puts CPU time into microseconds per delivery", () => {
  expect(toRun(measurement)).toMatchObject({ perSecond: 500_000, cost: 1.5, p99Ms: 4, residentMib: 128 });
});

it("puts grown memory into KiB per connection", () => {
  expect(toRun({ ...measurement, count: 1000, grownBytes: 51_200_000 }).cost).toBe(50);
});

function cellIn(id: string, contestant: string, run: Partial<Run>): Cell {
  const about = workloads.find((candidate) => candidate.id === id);
  const cell = about && toCell(about, contestant, [{ ...runOf(1), ...run }], []);
  if (cell === undefined) throw new Error(`no workload ${id}`);
  return cell;
}

it("says how many times the rate of others the relay stores, and what that does to a busy topic", () => {
  const results = resultsOf(
    cellIn("M1", "postern mailbox", { perSecond: 12_000 }),
    cellIn("M1", "a commit per message", { perSecond: 1000 }),
    cellIn("M1", "NATS JetStream", { perSecond: 3000 }),
    cellIn("M4 quiet", "postern binary", { p99Ms: 2 }),
    cellIn("M4 deposits", "postern binary", { p99Ms: 2.5 }),
  );

  const page = toMarkdown(results);

  expect(page).toContain(
    "M1: 12,000 deposits/s, 12.0 times the rate of a commit per message, 4.0 times the rate of NATS JetStream.",
  );
  expect(page).toContain("M4, postern binary: while deposits are stored p99 is 1.25 times that without.");
  expect(page).toContain("| M1 | a commit per message | 1,000 | 1.00 µs per deposit |");
});

it("compares each round with the yardstick's of the same round", () => {
  const cell = cellOf("postern binary", [1, 2, 9], [2, 4, 18]);

  expect(cell).toMatchObject({ cost: 2, lowestCost: 1, highestCost: 9, ratio: 0.5 });
});

it("leaves a round out that failed, also at the yardstick", () => {
  const cell = toCell(workload, "postern binary", [runOf(1), undefined, runOf(3)], [undefined, runOf(2), runOf(2)]);

  expect(cell).toMatchObject({ cost: 2, ratio: 1.5 });
  expect(toCell(workload, "postern binary", [undefined], [runOf(1)])).toBeUndefined();
});

it("shows every cell in the table and in the chart", () => {
  const results = resultsOf(cellOf("postern binary", [1, 1, 1], [2, 2, 2]));

  expect(toMarkdown(results)).toContain(
    "| W1 window 1 | postern binary | 500,000 | 1.00 (1.00-1.00) µs per delivery | 0.50 |",
  );
  expect(toSvg(results)).toContain(">postern binary</text>");
});

it("says what stalled readers cost the quiet topic, for each contestant", () => {
  const cells = ["S1 quiet", "S1 stalled"].map((id, index) => {
    const of = workloads.find((candidate) => candidate.id === id) ?? workload;
    const run = { ...runOf(1), p99Ms: 2 + index, residentMib: 1234.4, memoryBoundMib: 35_536 };
    const cell = toCell(of, "postern binary", [run], []);
    if (cell === undefined) throw new Error("no runs");
    return cell;
  });

  expect(toMarkdown(resultsOf(...cells))).toContain(
    "S1, postern binary: with 1,000 stalled readers in other topics p99 is 1.50 times that without, " +
      "server RSS 1,234 MiB under a bound of 35,536 MiB.",
  );
  expect(toMarkdown(resultsOf(...cells.slice(1)))).not.toContain("stalled readers");
});

it("shows cost by size, in a table, in the chart, and for memory the part that is taken once", () => {
  const cells = [1000, 3000, 10_000].map((size) => {
    const of = workloads.find(({ id }) => id === `G5 ${size}`) ?? workload;
    const cell = toCell(of, "postern json", [runOf(40 + 5120 / size)], []);
    if (cell === undefined) throw new Error("no runs");
    return cell;
  });
  const results = resultsOf(...cells);

  const page = toMarkdown(results);

  expect(page).toContain("| G5: KiB per connection, by idle connections | 1,000 | 3,000 | 10,000 |");
  expect(page).toContain("| postern json | 45.1 | 41.7 | 40.5 |");
  expect(page).toContain("postern json 40.0 KiB for each connection and 5.0 MiB once.");
  expect(page).not.toContain("| G5 1000 |");
  expect(toSvg(results)).toContain("G5: KiB per connection, by idle connections");
});

it("adds figures to those that are there, and takes the later ones", () => {
  const before = resultsOf(cellOf("plain ws", [2], [2]), cellOf("postern json", [1], [2]));
  const now = resultsOf(cellOf("postern json", [1.5], [2]), cellOf("postern binary", [1], [2]));

  const failures = ["W1 window 1, postern binary: no delivery", "W2 57k/s, postern binary: no delivery"];
  const merged = mergeResults({ ...before, failures, skipped: ["postern binary is not installed", "other"] }, now);

  expect(merged.cells.map(({ contestant, cost }) => [contestant, cost])).toEqual([
    ["postern binary", 1],
    ["postern json", 1.5],
    ["plain ws", 2],
  ]);
  expect(merged.runs).toHaveLength(2);
  expect(merged.skipped).toEqual(["other"]);
  expect(merged.failures).toEqual(["W2 57k/s, postern binary: no delivery"]);
});

it("adds no figures to those of another machine", () => {
  const other = { ...resultsOf(), machine: { cores: "four" } };

  expect(() => mergeResults(other, resultsOf())).toThrow("of another machine or another relay");
});

it("replaces what is between the markers of the page, and nothing else", () => {
  const page = "before\n<!-- results: written by `npm run bench -- --write` -->\nold\n<!-- end of results -->\nafter\n";

  const written = withResults(page, "new\n");

  expect(written).toContain("new");
  expect(written).not.toContain("old");
  expect(written.startsWith("before\n")).toBe(true);
  expect(written.endsWith("after\n")).toBe(true);
  expect(() => withResults("no markers", "new")).toThrow("lost its markers");
});
