import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { betweenMarkers } from "../bench/report/between-markers.ts";
import { killTestContestants } from "./contestants.ts";
import { type KillTestResults, toKillTestMarkdown } from "./report.ts";

const MARKERS = ["<!-- results: written by `npm run kill-test -- --write` -->", "<!-- end of results -->"] as const;

const PAGE = new URL("../../docs/kill-test.md", import.meta.url);
const FIGURES = new URL("../../docs/kill-test.json", import.meta.url);

/**
 * Puts results into docs/kill-test.md and .json, in the place of what is there of the same contestant and disruption.
 * @throws Error where the others are of another machine.
 */
export function writeKillTest(now: KillTestResults): void {
  const before = existsSync(FIGURES) ? (JSON.parse(readFileSync(FIGURES, "utf8")) as KillTestResults) : undefined;
  const results = before === undefined ? now : mergeKillTest(before, now);
  writeFileSync(PAGE, withKillTest(readFileSync(PAGE, "utf8"), results));
  writeFileSync(FIGURES, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** Both; where both have the same contestant and disruption, the later. @throws Error where the machine is not the same. */
export function mergeKillTest(before: KillTestResults, now: KillTestResults): KillTestResults {
  if (!isDeepStrictEqual(before.machine, now.machine)) {
    throw new Error("the figures that are there are of another machine: remove docs/kill-test.json to begin anew");
  }
  const isAnew = (trial: Named): boolean => now.trials.some((other) => keyOf(other) === keyOf(trial));
  const trials = [...before.trials.filter((trial) => !isAnew(trial)), ...now.trials];
  return { ...now, trials: trials.toSorted((a, b) => placeOf(a) - placeOf(b)) };
}

/** The page with these results. @throws Error where a marker is missing. */
export function withKillTest(page: string, results: KillTestResults): string {
  return betweenMarkers(page, MARKERS, toKillTestMarkdown(results, killTestContestants));
}

type Named = { readonly contestant: string; readonly disruption: string };

function keyOf({ contestant, disruption }: Named): string {
  return `${contestant}/${disruption}`;
}

/** In the order of the table. */
const DISRUPTIONS = ["kill", "planned restart", "cut", "flapping", "mixed"];

function placeOf({ contestant, disruption }: Named): number {
  const place = killTestContestants.findIndex(({ name }) => name === contestant);
  return place * DISRUPTIONS.length + DISRUPTIONS.indexOf(disruption);
}
