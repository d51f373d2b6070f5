import type { Cell, Results } from "./results.ts";

const WIDTH = 900;
const LABEL_WIDTH = 250;
const BAR_HEIGHT = 16;
const BAR_GAP = 3;
const GROUP_GAP = 14;
const TOP = 56;
const VALUE_WIDTH = 60;
/** Bars longer than so many times the yardstick are cut, with their value beside them. */
const MAX_RATIO = 3;

/** One color for each contestant, told apart also without seeing colors by its label. */
const COLORS = ["#1a6fb5", "#5aa9e6", "#8a8a8a", "#c9a227", "#a05195", "#4c9f70", "#d45087", "#b3541e", "#3d5a80"];

/** The costs relative to plain ws as a chart of bars: an SVG document, readable on light and dark pages. */
export function toSvg({ cells }: Results): string {
  const drawn = cells.filter(({ ratio }) => ratio !== undefined);
  const contestants = [...new Set(drawn.map(({ contestant }) => contestant))];
  const groups = Map.groupBy(drawn, ({ workload }) => workload);
  const parts: string[] = [];
  let y = TOP;
  for (const [workload, group] of groups) {
    parts.push(text(8, y + BAR_HEIGHT - 4, workload, "font-weight='bold'"));
    for (const cell of group) {
      parts.push(bar(cell, y, COLORS[contestants.indexOf(cell.contestant) % COLORS.length] ?? "#000"));
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP;
  }
  const oneAt = LABEL_WIDTH + scale(1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12" role="img">`,
    "<title>Cost relative to plain ws, by workload and contestant; shorter is better</title>",
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    text(8, 22, "Cost relative to plain ws = 1; shorter is better", "font-size='15' font-weight='bold'"),
    text(8, 40, "Server CPU per delivery (W1, W2, W3, W6) and per connection (W5), memory per idle connection (W4)"),
    `<line x1="${oneAt}" y1="${TOP - 6}" x2="${oneAt}" y2="${y - GROUP_GAP}" stroke="#444" stroke-dasharray="3 3"/>`,
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

function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y}" fill="#222" ${attributes}>${escaped}</text>`;
}
