import { readFileSync, writeFileSync } from "node:fs";
import { toSvg } from "./chart.ts";
import type { Results } from "./results.ts";
import { toMarkdown } from "./table.ts";

const BEGIN = "<!-- results: written by `npm run bench -- --write` -->";
const END = "<!-- end of results -->";

/** Puts the results into docs/benchmarks.md between its markers, and beside it as a chart and as JSON. */
export function writeDocuments(results: Results): void {
  const folder = new URL("../../../docs/", import.meta.url);
  const page = new URL("benchmarks.md", folder);
  writeFileSync(page, withResults(readFileSync(page, "utf8"), toMarkdown(results)));
  writeFileSync(new URL("benchmarks.svg", folder), toSvg(results));
  writeFileSync(new URL("benchmarks.json", folder), `${JSON.stringify(results, undefined, 2)}\n`);
}

/** The page with other results. @throws Error where a marker is missing. */
export function withResults(page: string, results: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/benchmarks.md has lost its markers: ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${results}\n${page.slice(end)}`;
}
