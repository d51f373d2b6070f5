import type { Series } from "./growth.ts";
import { digits, whole } from "./numbers.ts";
import { line, text } from "./svg.ts";

const HEIGHT = 220;
const LEFT = 60;
const RIGHT = 170;
const TOP = 34;
const BOTTOM = 34;
const LEAST_LABEL_DISTANCE = 14;

export const GROWTH_PANEL_HEIGHT: number = HEIGHT;

/**
 * One series as a chart of lines: cost over size, the sizes on a logarithmic axis. A line that is level says that nothing gets
 * dearer as there is more.
 * @param colorOf of a contestant, as in the rest of the chart.
 */
export function toPanel(
  { id, title, unit, sizes, lines }: Series,
  y: number,
  width: number,
  colorOf: (contestant: string) => string,
): string {
  const costs = [...lines.values()].flat().map(({ cost }) => cost);
  const greatest = Math.max(...costs) * 1.05;
  const first = Math.log(sizes[0] ?? 1);
  const span = Math.max(1e-9, Math.log(sizes.at(-1) ?? 1) - first);
  const bottom = y + HEIGHT - BOTTOM;
  const xOf = (size: number): number => LEFT + ((Math.log(size) - first) / span) * (width - LEFT - RIGHT);
  const yOf = (cost: number): number => bottom - (cost / greatest) * (HEIGHT - TOP - BOTTOM);
  const parts = [
    text(8, y + 16, `${id}: ${unit}, by ${title}`, "font-weight='bold'"),
    line(LEFT, bottom, width - RIGHT, bottom, "#444"),
    line(LEFT, y + TOP, LEFT, bottom, "#444"),
    text(LEFT - 6, y + TOP + 4, digits(greatest), "text-anchor='end'"),
    text(LEFT - 6, bottom + 4, "0", "text-anchor='end'"),
    ...sizes.map((size) => text(xOf(size), bottom + 16, whole(size), "text-anchor='middle'")),
  ];
  let labelY = Number.NEGATIVE_INFINITY;
  const ends = [...lines].toSorted(([, a], [, b]) => (b.at(-1)?.cost ?? 0) - (a.at(-1)?.cost ?? 0));
  for (const [contestant, cells] of ends) {
    const points = cells.map(({ growth, cost }) => [xOf(growth.size), yOf(cost)] as const);
    const [x, endY] = points.at(-1) ?? [0, 0];
    const color = colorOf(contestant);
    labelY = Math.max(endY + 4, labelY + LEAST_LABEL_DISTANCE);
    const path = points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(" ");
    parts.push(
      `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
      ...points.map(([px, py]) => `<circle cx="${px.toFixed(1)}" cy="${py.toFixed(1)}" r="3" fill="${color}"/>`),
      text(x + 8, labelY, `${contestant} ${digits(cells.at(-1)?.cost)}`),
    );
  }
  return parts.join("");
}
