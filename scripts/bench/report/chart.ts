import { seriesOf } from "./growth.ts";
import { GROWTH_PANEL_HEIGHT, toPanel } from "./growth-chart.ts";
import type { Cell, Results } from "./results.ts";
import { line, text } from "./svg.ts";

const WIDTH = 900;
const LABEL_WIDTH = 340;
const BAR_HEIGHT = 16;
const BAR_GAP = 3;
const GROUP_GAP = 14;
const TOP = 56;
const VALUE_WIDTH = 60;
/** Bars longer than so many times the yardstick are cut, with their value beside them. */
const MAX_RATIO = 3;

/** One color for each contestant, told apart also without seeing colors by its label. */
const COLORS = [
  "#1a6fb5",
  "#5aa9e6",
  "#8a8a8a",
  "#c9a227",
  "#a05195",
  "#4c9f70",
  "#d45087",
  "#b3541e",
  "#3d5a80",
  "#6d6875",
  "#7f9c3a",
  "#1f3a5f",
  "#c08497",
  "#52796f",
];

/** The costs relative to plain ws as bars, and below them cost over size as lines: an SVG, readable on light and dark pages. */
export function toSvg({ cells }: Results): string {
  const drawn = cells.filter(({ ratio, growth }) => ratio !== undefined && growth === undefined);
  const names = [...new Set(cells.map(({ contestant }) => contestant))];
  const colorOf = (contestant: string): string => COLORS[names.indexOf(contestant) % COLORS.length] ?? "#000";
  const parts: string[] = [];
  let y = TOP;
  for (const [workload, group] of Map.groupBy(drawn, (cell) => cell.workload)) {
    parts.push(text(8, y + BAR_HEIGHT - 4, workload, "font-weight='bold'"));
    for (const cell of group) {
      parts.push(bar(cell, y, colorOf(cell.contestant)));
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP;
  }
  const oneAt = LABEL_WIDTH + scale(1);
  parts.push(line(oneAt, TOP - 6, oneAt, y - GROUP_GAP, "#444", "stroke-dasharray='3 3'"));
  for (const series of seriesOf(cells)) {
    parts.push(toPanel(series, y, WIDTH, colorOf));
    y += GROWTH_PANEL_HEIGHT;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12" role="img">`,
    "<title>Cost relative to plain ws, by workload and contestant, shorter is better; and cost over size</title>",
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    text(8, 22, "Cost relative to plain ws = 1; shorter is better", "font-size='15' font-weight='bold'"),
    text(8, 40, "Server CPU per delivery (W1, W2, W3, W6) and per connection (W5), memory per idle connection (W4)"),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function bar({ contestant, ratio = 0 }: Cell, y: number, color: string): string {
  const width = scale(Math.min(ratio, MAX_RATIO));
  const cut = ratio > MAX_RATIO ? " →" : "";
  return [
    text(LABEL_WIDTH - 8, y + BAR_HEIGHT - 4, contestant, "text-anchor='end'"),
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${color}"/>`,
    text(LABEL_WIDTH + width + 5, y + BAR_HEIGHT - 4, `${ratio.toFixed(2)}${cut}`),
  ].join("");
}

function scale(ratio: number): number {
  return (ratio / MAX_RATIO) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
}
