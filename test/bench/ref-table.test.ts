import { expect, it } from "vitest";
import type { Comparison } from "../../scripts/bench/ref-comparison.ts";
import { isWorse, toRefTable, toVerdicts, type Verdict } from "../../scripts/bench/report/ref-table.ts";
import type { ComparedWorkload } from "../../scripts/bench/workload.ts";
import { workloads } from "../../scripts/bench/workloads.ts";

const [workload] = workloads as readonly [ComparedWorkload];

/** Of rounds with these ratios, each of three pairs around it. */
function verdictOf(...ratios: readonly number[]): Verdict {
  const rounds = ratios.map((ratio) => [0.9, 1, 1.1].map((factor) => ({ headCost: 2 * ratio * factor, baseCost: 2 })));
  const comparison: Comparison = { workload, contestant: "postern json", rounds };
  const [verdict] = toVerdicts([comparison]);
  if (verdict === undefined) throw new Error("no verdict");
  return verdict;
}

it("sees no difference where the rounds lie on both sides of 1", () => {
  const verdict = verdictOf(0.99, 1.01, 1.02, 1, 0.995);

  expect(verdict).toMatchObject({ difference: "none seen", isSharp: true, interval: { low: 0.99, high: 1.02 } });
  expect(verdict.ratio).toBeCloseTo(1, 10);
  expect(isWorse(verdict)).toBe(false);
});

it("finds a build that costs 5 % more, and fails for it", () => {
  const verdict = verdictOf(1.04, 1.06, 1.05, 1.07, 1.03);

  expect(verdict).toMatchObject({ difference: "dearer", isSharp: true });
  expect(verdict.ratio).toBeCloseTo(1.05, 10);
  expect(isWorse(verdict)).toBe(true);
});

it("does not fail for a difference below what it is to be able to show, nor for a gain", () => {
  expect(isWorse(verdictOf(1.01, 1.015, 1.02, 1.01, 1.02))).toBe(false);
  expect(verdictOf(0.9, 0.91, 0.9, 0.92, 0.9)).toMatchObject({ difference: "cheaper" });
});

it("says that 3 % would not have been seen where the rounds are too far apart", () => {
  const verdict = verdictOf(0.9, 1, 1.1, 1, 1.05);

  expect(verdict.isSharp).toBe(false);
  expect(toRefTable([verdict], "main")).toContain("| none seen | no |");
});

it("claims nothing after too few rounds", () => {
  const verdict = verdictOf(1.2, 1.21, 1.2, 1.22);

  expect(verdict).toMatchObject({ difference: "too few rounds", isSharp: false });
  expect(isWorse(verdict)).toBe(false);
});

it("writes the ratio, between what it lies, and how surely", () => {
  const table = toRefTable([verdictOf(1.04, 1.06, 1.05, 1.07, 1.03)], "main");

  expect(table).toContain("| cost of main | now | ratio | 94 % sure between |");
  expect(table).toContain("| 2.00 µs per delivery | 2.10 | 1.050 | 1.030 to 1.070 | **dearer** | yes |");
});

it("leaves a workload out of which no round succeeded", () => {
  expect(toVerdicts([{ workload, contestant: "postern json", rounds: [] }])).toEqual([]);
});
