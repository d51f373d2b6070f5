import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { type Builds, givenBuilds, prepareBuilds, toEnvironment } from "./bench/builds.ts";
import { Campaign, type CampaignParts } from "./bench/campaign.ts";
import { createCertificate } from "./bench/certificate.ts";
import { type Contestant, contestants, contestantsOf, whatIsMissing } from "./bench/contestants.ts";
import { isolate, runInNamespace } from "./bench/isolation.ts";
import { describeMachine } from "./bench/machine.ts";
import { RefComparison } from "./bench/ref-comparison.ts";
import { addResults, NO_PEERS, writeDocuments } from "./bench/report/documents.ts";
import { isWorse, toRefTable, toVerdicts } from "./bench/report/ref-table.ts";
import type { Cell, Check, Results } from "./bench/report/results.ts";
import { toMarkdown } from "./bench/report/table.ts";
import type { ExchangeWorkload, Workload } from "./bench/workload.ts";
import { workloads } from "./bench/workloads.ts";

const QUICK = { warmUpMs: 400, measureMs: 500, attempts: 1 };
const THOROUGH = { warmUpMs: 1500, measureMs: 2000, attempts: 3 };
/**
 * Two relays take turns in slices so short that a disturbance of the machine hits both, and long enough for many turns of the
 * event loop: of one build, pairs of 20 ms differ by 35 %, of 50 ms by 16 % and of 400 ms by 9 % (standard deviation).
 */
const SLICES = { coldPairCount: 30, warmUpPairCount: 3, sliceMs: 50 };
const ROUNDS = 3;
const ROUNDS_AGAINST_REF = 5;
const PAIRS = 20;

type Options = {
  readonly peers?: boolean;
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly only?: readonly string[];
  readonly against?: readonly string[];
  readonly againstRef?: string;
  readonly burden: number;
  readonly pairs: number;
  readonly json?: string;
  readonly write?: boolean;
  readonly add?: boolean;
};

async function main(options: Options): Promise<void> {
  if (process.platform !== "linux") throw new Error("the benchmark reads /proc, so it needs Linux");
  const given = givenBuilds();
  const builds = given ?? prepareBuilds(options.againstRef, say);
  if (given === undefined) {
    const exitCode = await runInNamespace(toEnvironment(builds));
    if (exitCode !== undefined) {
      process.exitCode = exitCode;
      return;
    }
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const isolation = isolate();
  say(`network: ${isolation.network}; cores: ${isolation.cores}`);
  const certificate = createCertificate(builds.directory);
  const parts = { certificate, isolation, relayProgram: builds.head.program, directory: builds.directory, say };
  if (builds.base === undefined) await measure(options, parts, builds);
  else await compare(options, parts, builds.base);
}

/** Measures the relay beside others. */
async function measure(options: Options, parts: CampaignParts, { head }: Builds): Promise<void> {
  const [loadBefore = 0] = loadavg();
  const machine = { ...describeMachine(parts.isolation), relay: head.version };
  const chosen = choose(options);
  const left = workloads.filter(({ id }) => isWanted(id, options)).length - chosen.length;
  const skipped =
    left === 0
      ? []
      : [`${left} workloads of growth, and correctness passes of the same members: a quick run has no time for them`];
  const wanted = wantedContestants(options, chosen);
  skipped.push(...wanted.flatMap((contestant) => whatIsMissing(contestant) ?? []));
  if (!options.peers && options.against === undefined) skipped.push(NO_PEERS);
  for (const reason of skipped) say(`skipped: ${reason}`);
  const taking = wanted.filter((contestant) => whatIsMissing(contestant) === undefined);
  const { quick, rounds = quick ? 1 : ROUNDS } = options;
  const times = { ...(quick ? QUICK : THOROUGH), rounds };
  const campaign = new Campaign(parts, times);
  const checks: Check[] = [];
  const cells: Cell[] = [];
  for (const [index, workload] of chosen.entries()) {
    say(`${workload.id}, ${index + 1} of ${chosen.length}: ${workload.sentence}`);
    if (workload.kind === "exchange" && isToVerify(workload, options)) {
      checks.push(...(await campaign.verify(workload, taking)));
    }
    cells.push(...(await campaign.measure(workload, taking)));
  }
  const { failures } = campaign;
  const { measureMs } = times;
  const run = { command: commandLine(), finishedAt: new Date().toISOString(), rounds, measureMs, loadBefore };
  report({ format: 2, runs: [run], machine, skipped, failures, checks, cells }, options);
}

/** A correctness pass depends on the members and not on the pace: a quick run makes one for the first workload of each name. */
function isToVerify({ id, growth }: ExchangeWorkload, { quick }: Options): boolean {
  const [family = ""] = id.split(" ");
  const isFirst = workloads.find((other) => other.id.startsWith(family))?.id === id;
  return growth === undefined && (!quick || isFirst || family === "S1");
}

function report(results: Results, { json, write, add }: Options): void {
  process.stdout.write(`${toMarkdown(results)}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (write) writeDocuments(results);
  if (add) addResults(results);
  if (results.failures.length > 0 || results.checks.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

/** Measures two builds of the relay against each other. */
async function compare(options: Options, parts: CampaignParts, base: { readonly program: string }): Promise<void> {
  const { againstRef = "", burden, pairs, rounds = ROUNDS_AGAINST_REF } = options;
  const chosen = choose(options)
    .filter(({ growth }) => growth === undefined || options.only !== undefined)
    .filter((workload) => workload.kind !== "store-size");
  const relays = wantedContestants(options, chosen).filter(({ isRelay, needs }) => isRelay && needs === undefined);
  const settings = {
    baseProgram: base.program,
    rounds,
    slices: { ...SLICES, pairCount: pairs },
    burdenPercent: burden,
  };
  const comparison = new RefComparison(parts, settings);
  const verdicts = toVerdicts(await comparison.run(chosen, relays));
  process.stdout.write(
    `${toRefTable(verdicts, againstRef)}${comparison.failures.map((line) => `- failed: ${line}\n`).join("")}`,
  );
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(verdicts, undefined, 2)}\n`);
  if (comparison.failures.length > 0 || verdicts.length === 0 || verdicts.some(isWorse)) process.exitCode = 1;
}

/** The workloads that a run is about. */
function choose(options: Options): readonly Workload[] {
  const wanted = workloads.filter(({ id }) => isWanted(id, options));
  return options.quick && options.only === undefined ? wanted.filter(isQuick) : wanted;
}

/** Of growth only the smallest size; in G4 the topic is large at each. */
function isQuick({ growth, kind }: Workload): boolean {
  if (growth === undefined) return true;
  const sizes = workloads.flatMap((other) => (other.growth?.series === growth.series ? [other.growth.size] : []));
  return kind !== "churn" && growth.size === Math.min(...sizes);
}

function isWanted(id: string, { only }: Options): boolean {
  return only === undefined || only.some((prefix) => id.startsWith(prefix));
}

function wantedContestants({ against, peers = false }: Options, chosen: readonly Workload[]): readonly Contestant[] {
  return contestants.filter(
    (contestant) =>
      chosen.some((workload) => contestantsOf(workload, [contestant]).length > 0) &&
      (contestant.isYardstick ||
        (against === undefined ? peers || !contestant.isPeer : against.includes(contestant.name))),
  );
}

/** As one would type it. */
function commandLine(): string {
  const words = process.argv.slice(2).map((word) => (word.includes(" ") ? `"${word}"` : word));
  return ["npm run bench --", ...words].join(" ");
}

function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 100) return count;
  throw new InvalidArgumentError("It is a whole number from 1 to 100.");
}

function parseList(text: string): readonly string[] {
  return text.split(",").map((part) => part.trim());
}

/** Progress goes beside the results. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Measures the relay against a yardstick in the same run: docs/benchmarks.md tells what and how. */
await new Command("bench")
  .option("--peers", "also what a user would pick instead, where installed")
  .option("--quick", "one short round: shows that it works, not how fast")
  .option(
    "--rounds <count>",
    `interleaved rounds; the figures are their medians (${ROUNDS}; against a ref ${ROUNDS_AGAINST_REF})`,
    parseCount,
  )
  .option("--only <ids>", "workloads whose ids begin with one of these, comma-separated: W1,W3", parseList)
  .option("--against <names>", "only these contestants, comma-separated; plain ws and plain mesh always run", parseList)
  .option(
    "--against-ref <ref>",
    "compare the working tree with a commit, both in one run; exit 1 where it got dearer by 3 % or more",
  )
  .option("--pairs <count>", "with --against-ref: slices of each build and workload, in each round", parseCount, PAIRS)
  .option(
    "--burden <percent>",
    "with --against-ref: give the working tree so much more work, to see that it is found",
    parseCount,
    0,
  )
  .option("--json <file>", "write the results there")
  .option("--write", "write docs/benchmarks.md, .svg and .json")
  .option("--add", "as --write, and keep what is there of other workloads and contestants, from the same machine")
  .action(main)
  .parseAsync();
