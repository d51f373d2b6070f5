import type { Comparison } from "../ref-comparison.ts";
import { type CostUnit, unitOf } from "./results.ts";
import { type Interval, median, medianInterval, WANTED_CONFIDENCE } from "./statistics.ts";

/** A difference that the comparison is to be able to show, as a share. */
const LEAST_DIFFERENCE = 0.03;

/** What is said of one workload. */
export type Verdict = {
  readonly workload: string;
  readonly contestant: string;
  readonly unit: CostUnit;
  readonly headCost: number;
  readonly baseCost: number;
  /** Cost of the working tree by cost of the other build: the median of the rounds, each the median of its pairs. */
  readonly ratio: number;
  /** Between which two rounds it lies. */
  readonly interval: Interval;
  readonly difference: "dearer" | "cheaper" | "none seen" | "too few rounds";
  /** Whether a difference of 3 % would have been seen. */
  readonly isSharp: boolean;
};

/** Sums up the rounds; a workload of which none succeeded is left out. */
export function toVerdicts(comparisons: readonly Comparison[]): readonly Verdict[] {
  return comparisons.flatMap(({ workload, contestant, rounds }) => {
    if (rounds.length === 0) return [];
    const ratios = rounds.map((pairs) => median(pairs.map(({ headCost, baseCost }) => headCost / baseCost)));
    const ratio = median(ratios);
    const interval = medianInterval(ratios);
    const { low, high } = interval;
    const isSure = interval.confidence >= WANTED_CONFIDENCE;
    return [
      {
        workload: workload.id,
        contestant,
        unit: unitOf(workload),
        headCost: median(rounds.flat().map(({ headCost }) => headCost)),
        baseCost: median(rounds.flat().map(({ baseCost }) => baseCost)),
        ratio,
        interval,
        difference: isSure ? differenceOf(interval) : "too few rounds",
        isSharp: isSure && Math.max(high - ratio, ratio - low) < LEAST_DIFFERENCE,
      } as const,
    ];
  });
}

function differenceOf({ low, high }: Interval): Verdict["difference"] {
  if (low > 1) return "dearer";
  return high < 1 ? "cheaper" : "none seen";
}

/** Whether the working tree got worse by what the comparison is to be able to show. */
export function isWorse({ ratio, difference }: Verdict): boolean {
  return difference === "dearer" && ratio >= 1 + LEAST_DIFFERENCE;
}

/** The verdicts as Markdown. */
export function toRefTable(verdicts: readonly Verdict[], ref: string): string {
  const confidence = Math.round((verdicts[0]?.interval.confidence ?? 0) * 100);
  const rows = verdicts.map((verdict) => {
    const { workload, contestant, unit, headCost, baseCost, ratio, interval, difference, isSharp } = verdict;
    const spread = `${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}`;
    const columns = [
      workload,
      contestant,
      `${baseCost.toPrecision(3)} ${unit}`,
      headCost.toPrecision(3),
      ratio.toFixed(3),
      spread,
      isWorse(verdict) ? `**${difference}**` : difference,
      isSharp ? "yes" : "no",
    ];
    return `| ${columns.join(" | ")} |`;
  });
  return [
    `| workload | contestant | cost of ${ref} | now | ratio | ${confidence} % sure between | difference | would 3 % have been seen |`,
    "|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    `Ratio: the cost now by the cost of ${ref}, median of the rounds. Between: two rounds, between which the true median lies ` +
      `with ${confidence} % confidence. A difference is seen where 1 is not between them; one of 3 % would have been where both ` +
      "are nearer than 3 % to the ratio. Where it would not, take more rounds, or a quieter machine.",
    "",
  ].join("\n");
}
