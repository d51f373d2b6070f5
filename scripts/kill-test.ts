import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { describeHardware } from "./bench/machine.ts";
import type { KillTestContestant } from "./kill-test/contestant.ts";
import { killTestContestants } from "./kill-test/contestants.ts";
import { type Disruption, type DisruptionCounts, disruptionsOf, mixed } from "./kill-test/disruptions.ts";
import { writeKillTest } from "./kill-test/documents.ts";
import { type KillTestResults, spanText, toKillTestMarkdown } from "./kill-test/report.ts";
import { runTrial, type TrialResult, USUAL } from "./kill-test/trial.ts";

const THOROUGH: DisruptionCounts = { kills: 10, restarts: 10, cuts: 20, flapSeconds: 64 };
const QUICK: DisruptionCounts = { kills: 2, restarts: 2, cuts: 4, flapSeconds: 16 };
const MAX_COUNT = 1000;

type Options = {
  readonly only?: readonly string[];
  readonly kills?: number;
  readonly restarts?: number;
  readonly cuts?: number;
  readonly seconds?: number;
  readonly minutes?: number;
  readonly rate?: number;
  readonly quick?: boolean;
  readonly json?: string;
  readonly write?: boolean;
};

async function main(options: Options): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const [loadBefore = 0] = loadavg();
  const { contestants, failures } = taking(options.only);
  const trials: TrialResult[] = [];
  const messagesPerSecond = options.rate ?? USUAL.messagesPerSecond;
  for (const contestant of contestants) {
    for (const disruption of disruptionsFor(options)) {
      say(`${contestant.name}: ${disruption.name} × ${disruption.count}`);
      try {
        const trial = await runTrial(contestant, disruption, { ...USUAL, messagesPerSecond });
        say(`  ${summaryOf(trial)}`);
        trials.push(trial);
      } catch (error) {
        failures.push(
          `${contestant.name}, ${disruption.name}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
  const version = execFileSync("git", ["log", "-1", "--format=%h", "--", "relay", "protocol", "client"]);
  const finishedAt = new Date().toISOString();
  const { system, ...machine } = describeHardware();
  const run = { command: commandLine(), finishedAt, version: version.toString().trim(), loadBefore, system };
  report({ format: 2, machine, trials: trials.map((trial) => ({ ...trial, run })) }, options);
  for (const failure of failures) say(`failed: ${failure}`);
  if (failures.length > 0 || trials.length === 0) process.exitCode = 1;
}

/** Who takes part, and who was asked for by name and cannot. */
function taking(only: readonly string[] | undefined): {
  readonly contestants: readonly KillTestContestant[];
  readonly failures: string[];
} {
  const names = killTestContestants.map(({ name }) => name);
  const unknown = (only ?? []).filter((name) => !names.includes(name));
  const wanted = killTestContestants.filter(({ name }) => only?.includes(name) ?? true);
  const missing = wanted.flatMap((contestant) => {
    const reason = contestant.missing();
    return reason === undefined ? [] : [`${contestant.name} cannot take part: ${reason}`];
  });
  if (only === undefined) for (const reason of missing) say(`skipped: ${reason}`);
  return {
    contestants: wanted.filter((contestant) => contestant.missing() === undefined),
    failures: [
      ...unknown.map((name) => `no contestant ${name}: there are ${names.join(", ")}`),
      ...(only === undefined ? [] : missing),
    ],
  };
}

function disruptionsFor(options: Options): readonly Disruption[] {
  const { minutes } = options;
  return minutes === undefined ? disruptionsOf(countsOf(options)) : [mixed(minutes * 60, USUAL.seed)];
}

function countsOf({ quick, kills, restarts, cuts, seconds }: Options): DisruptionCounts {
  const usual = quick ? QUICK : THOROUGH;
  return {
    kills: kills ?? usual.kills,
    restarts: restarts ?? usual.restarts,
    cuts: cuts ?? usual.cuts,
    flapSeconds: seconds ?? usual.flapSeconds,
  };
}

function report(results: KillTestResults, { json, write }: Options): void {
  const ran = killTestContestants.filter(({ name }) => results.trials.some(({ contestant }) => contestant === name));
  process.stdout.write(`${toKillTestMarkdown(results, ran)}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (write) writeKillTest(results);
}

function summaryOf({ owed, lostSilently, lostTold, doubled, reordered, caughtUpMs }: TrialResult): string {
  const lost = `lost ${lostSilently} silently and ${lostTold} told of ${owed}`;
  return `${lost}; doubled ${doubled}, reordered ${reordered}; caught up after ${spanText(caughtUpMs)} s`;
}

/** As one would type it. */
function commandLine(): string {
  const words = process.argv.slice(2).map((word) => (word.includes(" ") ? `"${word}"` : word));
  return ["npm run kill-test --", ...words].join(" ");
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= MAX_COUNT) return count;
  throw new InvalidArgumentError(`It is a whole number from 0 to ${MAX_COUNT}.`);
}

function parseRate(text: string): number {
  const rate = parseCount(text);
  if (rate > 0) return rate;
  throw new InvalidArgumentError("Somebody has to say something.");
}

function parseList(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim());
}

/** Progress goes beside the results. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Kills servers and cuts lines under real clients, and counts what is lost: docs/kill-test.md tells what and how. */
await new Command("kill-test")
  .option("--only <names>", "only these contestants, comma-separated: Postern,ws", parseList)
  .option("--kills <count>", `so many SIGKILLs of the server (${THOROUGH.kills}); 0 leaves them out`, parseCount)
  .option("--restarts <count>", `so many planned restarts (${THOROUGH.restarts})`, parseCount)
  .option("--cuts <count>", `so many cuts of one member for 2 s (${THOROUGH.cuts})`, parseCount)
  .option("--seconds <count>", `for so long one member flaps (${THOROUGH.flapSeconds})`, parseCount)
  .addOption(
    new Option("--minutes <count>", "for so long all of them mixed, at random, with the same members throughout")
      .argParser(parseCount)
      .conflicts(["kills", "restarts", "cuts", "seconds", "quick"]),
  )
  .option("--rate <count>", `messages a second of all members together (${USUAL.messagesPerSecond})`, parseRate)
  .option("--quick", "a few of each: shows that it works")
  .option("--json <file>", "write the results there")
  .option("--write", "put them into docs/kill-test.md and .json, beside what is there of other contestants")
  .action(main)
  .parseAsync();
// All servers have ended and all is written. Left to itself, Node has stayed in its last clean-up after 20 minutes of cut lines.
process.exit();
