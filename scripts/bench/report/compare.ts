import type { Cell, Results } from "./results.ts";

/** A ratio to the yardstick that grew by more than this part is a change for the worse. */
const TOLERATED_GROWTH = 0.1;

/** One cell of two runs of the benchmark. */
export type Comparison = {
  readonly workload: string;
  readonly contestant: string;
  readonly ratioBefore: number;
  readonly ratioNow: number;
  /** 0.1: ten percent more cost, relative to the yardstick. */
  readonly growth: number;
  readonly isWorse: boolean;
};

/**
 * Compares the relay's cells by their ratios to the yardstick, which cancel out how fast the machine was. Cells that only
 * one of the two has are left out.
 * @param isOfRelay whether a contestant is the relay: of others a change is no news.
 */
export function compareResults(
  before: Results,
  now: Results,
  isOfRelay: (contestant: string) => boolean,
): readonly Comparison[] {
  return now.cells.flatMap((cell) => {
    const ratioNow = cell.ratio;
    const ratioBefore = before.cells.find((other) => isSameCell(cell, other))?.ratio;
    if (!isOfRelay(cell.contestant) || ratioNow === undefined || ratioBefore === undefined) return [];
    const growth = ratioNow / ratioBefore - 1;
    const { workload, contestant } = cell;
    const isWorse = ratioNow > ratioBefore * (1 + TOLERATED_GROWTH);
    return [{ workload, contestant, ratioBefore, ratioNow, growth, isWorse }];
  });
}

/** The comparison as Markdown. */
export function toComparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ workload, contestant, ratioBefore, ratioNow, growth, isWorse }) => {
    const change = `${growth > 0 ? "+" : ""}${(growth * 100).toFixed(1)} %`;
    return `| ${workload} | ${contestant} | ${ratioBefore.toFixed(3)} | ${ratioNow.toFixed(3)} | ${change}${isWorse ? " **worse**" : ""} |`;
  });
  return [
    "| workload | contestant | cost / plain ws before | now | change |",
    "|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function isSameCell(a: Cell, b: Cell): boolean {
  return a.workload === b.workload && a.contestant === b.contestant;
}
