import { growthSeries } from "../growth-workloads.ts";
import type { GrowthSeries } from "../workload.ts";
import { digits, whole } from "./numbers.ts";
import { type Cell, DISTURBED_SHARE } from "./results.ts";
import { fitLine } from "./statistics.ts";

/** One series of workloads that differ in size alone: a line for each contestant. */
export type Series = {
  readonly id: GrowthSeries;
  readonly title: string;
  readonly unit: string;
  readonly sizes: readonly number[];
  /** Cells by contestant, in the order of their sizes. */
  readonly lines: ReadonlyMap<string, readonly GrowthCell[]>;
};

type GrowthCell = Cell & Required<Pick<Cell, "growth">>;

/** The series that were measured. */
export function seriesOf(cells: readonly Cell[]): readonly Series[] {
  const grown = cells.filter((cell): cell is GrowthCell => cell.growth !== undefined);
  return [...Map.groupBy(grown, ({ growth }) => growth.series)].map(([id, own]) => ({
    id,
    ...growthSeries[id],
    sizes: [...new Set(own.map(({ growth }) => growth.size))].toSorted((a, b) => a - b),
    lines: Map.groupBy(
      own.toSorted((a, b) => a.growth.size - b.growth.size),
      ({ contestant }) => contestant,
    ),
  }));
}

/** A table for each series, as Markdown: cost by size. */
export function growthLines(cells: readonly Cell[]): readonly string[] {
  return seriesOf(cells).flatMap((series) => [
    `| ${series.id}: ${series.unit}, by ${series.title} | ${series.sizes.map(whole).join(" | ")} |`,
    `|---|${series.sizes.map(() => "---|").join("")}`,
    ...[...series.lines].map(
      ([contestant, line]) => `| ${contestant} | ${series.sizes.map((size) => at(line, size)).join(" | ")} |`,
    ),
    "",
    ...fixedPartLines(series),
  ]);
}

function at(line: readonly GrowthCell[], size: number): string {
  const cell = line.find(({ growth }) => growth.size === size);
  if (cell === undefined) return "";
  return `${digits(cell.cost)}${cell.waitShare > DISTURBED_SHARE ? " ~" : ""}`;
}

/** Of memory: what a server takes once, and what for each connection. */
function fixedPartLines({ id, unit, lines }: Series): readonly string[] {
  if (unit !== "KiB per connection") return [];
  const told = [...lines].flatMap(([contestant, line]) => {
    if (line.length < 2) return [];
    const { slope, base } = fitLine(line.map(({ growth, cost }) => [growth.size, growth.size * cost]));
    return [`${contestant} ${digits(slope)} KiB for each connection and ${(base / 1024).toFixed(1)} MiB once`];
  });
  return told.length === 0
    ? []
    : [`${id}, by the straight line nearest to what memory grew by: ${told.join("; ")}.`, ""];
}
