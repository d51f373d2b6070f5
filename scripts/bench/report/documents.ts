import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { contestants } from "../contestants.ts";
import { workloads } from "../workloads.ts";
import { betweenMarkers } from "./between-markers.ts";
import { toSvg } from "./chart.ts";
import type { Results } from "./results.ts";
import { toMarkdown } from "./table.ts";

const BEGIN = "<!-- results: written by `npm run bench -- --write` -->";
const END = "<!-- end of results -->";

const FOLDER = new URL("../../../docs/", import.meta.url);

/** Puts the results into docs/benchmarks.md between its markers, and beside it as a chart and as JSON. */
export function writeDocuments(results: Results): void {
  const page = new URL("benchmarks.md", FOLDER);
  writeFileSync(page, withResults(readFileSync(page, "utf8"), toMarkdown(results)));
  writeFileSync(new URL("benchmarks.svg", FOLDER), toSvg(results));
  writeFileSync(new URL("benchmarks.json", FOLDER), `${JSON.stringify(results, undefined, 2)}\n`);
}

/** Said of a run without `--peers`. */
export const NO_PEERS = "what others would pick instead: --peers was not asked for";

/** Puts the results beside those that are there. @throws Error where those are of another machine or another relay. */
export function addResults(results: Results): void {
  const path = new URL("benchmarks.json", FOLDER);
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Results) : undefined;
  writeDocuments(before === undefined ? results : mergeResults(before, results));
}

/** Both; where both have measured the same, the later. @throws Error where machine or relay are not the same. */
export function mergeResults(before: Results, now: Results): Results {
  if (before.format !== now.format || !isDeepStrictEqual(before.machine, now.machine)) {
    throw new Error("the figures that are there are of another machine or another relay: --write begins anew");
  }
  const isMeasuredNow = ({ workload, contestant }: Named): boolean =>
    now.cells.some((cell) => cell.workload === workload && cell.contestant === contestant);
  const names = new Set([...before.cells, ...now.cells].map(({ contestant }) => contestant));
  const hasPeers = contestants.some(({ isPeer, name }) => isPeer && names.has(name));
  const isStillMissing = (reason: string): boolean =>
    !(hasPeers && reason === NO_PEERS) && ![...names].some((name) => reason.startsWith(`${name} is not`));
  const isMadeUp = (failure: string): boolean =>
    now.cells.some(({ workload, contestant }) => failure.startsWith(`${workload}, ${contestant}: `));
  return {
    ...now,
    runs: [...before.runs, ...now.runs],
    skipped: [...new Set([...before.skipped, ...now.skipped])].filter(isStillMissing),
    failures: [...before.failures.filter((failure) => !isMadeUp(failure)), ...now.failures],
    checks: inOrder([...before.checks.filter((check) => !isMeasuredNow(check)), ...now.checks]),
    cells: inOrder([...before.cells.filter((cell) => !isMeasuredNow(cell)), ...now.cells]),
  };
}

type Named = { readonly workload: string; readonly contestant: string };

/** As the lists of workloads and contestants have them. */
function inOrder<Entry extends Named>(entries: readonly Entry[]): readonly Entry[] {
  const placeOf = ({ workload, contestant }: Entry): number =>
    workloads.findIndex(({ id }) => id === workload) * contestants.length +
    contestants.findIndex(({ name }) => name === contestant);
  return entries.toSorted((a, b) => placeOf(a) - placeOf(b));
}

/** The page with other results. @throws Error where a marker is missing. */
export function withResults(page: string, results: string): string {
  return betweenMarkers(page, [BEGIN, END], results);
}
