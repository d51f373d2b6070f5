import { expect, it } from "vitest";
import { Histogram } from "../../scripts/bench/generator/histogram.ts";
import type { Measurement } from "../../scripts/bench/generator/measurement.ts";
import { toSvg } from "../../scripts/bench/report/chart.ts";
import { compareResults } from "../../scripts/bench/report/compare.ts";
import { withResults } from "../../scripts/bench/report/documents.ts";
import { type Cell, type Results, type Run, toCell, toRun } from "../../scripts/bench/report/results.ts";
import { median } from "../../scripts/bench/report/statistics.ts";
import { toMarkdown } from "../../scripts/bench/report/table.ts";
import { type Workload, workloads } from "../../scripts/bench/workloads.ts";

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

function isOfRelay(contestant: string): boolean {
  return contestant.startsWith("postern");
}

function resultsOf(...cells: readonly Cell[]): Results {
  return {
    format: 1,
    command: "npm run bench",
    finishedAt: "now",
    machine: { cores: "two" },
    rounds: 3,
    measureMs: 2000,
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

it("compares each round with the yardstick's of the same round", () => {
  const cell = cellOf("postern binary", [1, 2, 9], [2, 4, 18]);

  expect(cell).toMatchObject({ cost: 2, lowestCost: 1, highestCost: 9, ratio: 0.5 });
});

it("leaves a round out that failed, also at the yardstick", () => {
  const cell = toCell(workload, "postern binary", [runOf(1), undefined, runOf(3)], [undefined, runOf(2), runOf(2)]);

  expect(cell).toMatchObject({ cost: 2, ratio: 1.5 });
  expect(toCell(workload, "postern binary", [undefined], [runOf(1)])).toBeUndefined();
});

it("finds a ratio worse from more than 10 % on", () => {
  const before = resultsOf(cellOf("postern binary", [1], [2]), cellOf("plain ws", [2], [2]));
  const growthTo = (cost: number) =>
    compareResults(before, resultsOf(cellOf("postern binary", [cost], [2]), cellOf("plain ws", [9], [2])), isOfRelay);

  expect(growthTo(1.1).map(({ isWorse }) => isWorse)).toEqual([false]);
  expect(growthTo(1.11).map(({ isWorse }) => isWorse)).toEqual([true]);
});

it("does not take a slower machine for a worse relay", () => {
  const before = resultsOf(cellOf("postern binary", [1], [2]));
  const now = resultsOf(cellOf("postern binary", [3], [6]));

  expect(compareResults(before, now, () => true)).toMatchObject([{ growth: 0, isWorse: false }]);
});

it("leaves out of the comparison what is not in both", () => {
  expect(compareResults(resultsOf(), resultsOf(cellOf("postern json", [1], [2])), () => true)).toEqual([]);
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
    const cell = toCell(of, "postern binary", [{ ...runOf(1), p99Ms: 2 + index, residentMib: 1234.4 }], []);
    if (cell === undefined) throw new Error("no runs");
    return cell;
  });
  const bound = Math.round(cells[1]?.stalled?.memoryBoundMib ?? 0).toLocaleString("en");

  expect(toMarkdown(resultsOf(...cells))).toContain(
    "S1, postern binary: with 1,000 stalled readers in other topics p99 is 1.50 times that without, " +
      `server RSS 1,234 MiB under a bound of ${bound} MiB.`,
  );
  expect(toMarkdown(resultsOf(...cells.slice(1)))).not.toContain("stalled readers");
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
