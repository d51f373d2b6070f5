import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Campaign, contestantsOf, whatIsMissing } from "./bench/campaign.ts";
import { createCertificate } from "./bench/certificate.ts";
import { contestants, YARDSTICK } from "./bench/contestants.ts";
import { isolate, runInNamespace } from "./bench/isolation.ts";
import { describeMachine } from "./bench/machine.ts";
import { compareResults, toComparisonTable } from "./bench/report/compare.ts";
import { writeDocuments } from "./bench/report/documents.ts";
import type { Cell, Check, Results } from "./bench/report/results.ts";
import { toMarkdown } from "./bench/report/table.ts";
import { workloads } from "./bench/workloads.ts";

const QUICK = { rounds: 1, warmUpMs: 500, measureMs: 700, attempts: 1 };
const THOROUGH = { warmUpMs: 1500, measureMs: 2000, attempts: 3 };

type Options = {
  readonly peers?: boolean;
  readonly quick?: boolean;
  readonly rounds: number;
  readonly only?: readonly string[];
  readonly against?: readonly string[];
  readonly json?: string;
  readonly write?: boolean;
  readonly compare?: string;
};

async function main(options: Options): Promise<void> {
  const before =
    options.compare === undefined ? undefined : (JSON.parse(readFileSync(options.compare, "utf8")) as Results);
  if (process.platform !== "linux") throw new Error("the benchmark reads /proc, so it needs Linux");
  const exitCode = runInNamespace();
  if (exitCode !== undefined) {
    process.exitCode = exitCode;
    return;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
  const results = await run(options);
  process.stdout.write(`${toMarkdown(results)}\n${JSON.stringify(results)}\n`);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (options.write) writeDocuments(results);
  if (results.failures.length > 0 || results.checks.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
  if (before === undefined) return;
  const comparisons = compareResults(before, results, (contestant) => contestant.startsWith("postern"));
  process.stdout.write(`\n${toComparisonTable(comparisons)}`);
  if (comparisons.length === 0) say("nothing to compare: no cell is in both results");
  if (comparisons.length === 0 || comparisons.some(({ isWorse }) => isWorse)) process.exitCode = 1;
}

async function run({ peers = false, quick = false, rounds, only, against }: Options): Promise<Results> {
  const isolation = isolate();
  const machine = describeMachine(isolation);
  say(`network: ${isolation.network}; cores: ${isolation.cores}`);
  const chosen = workloads.filter(({ id }) => only === undefined || only.some((prefix) => id.startsWith(prefix)));
  const wanted = contestants.filter(
    (contestant) =>
      chosen.some((workload) => contestantsOf(workload, [contestant]).length > 0) &&
      (contestant.name === YARDSTICK ||
        (against === undefined ? peers || !contestant.isPeer : against.includes(contestant.name))),
  );
  const skipped = wanted.flatMap((contestant) => whatIsMissing(contestant) ?? []);
  for (const reason of skipped) say(`skipped: ${reason}`);
  const taking = wanted.filter((contestant) => whatIsMissing(contestant) === undefined);
  const directory = mkdtempSync(join(tmpdir(), "postern-bench-"));
  try {
    const parts = { certificate: createCertificate(directory), isolation, directory, say };
    const times = quick ? QUICK : { ...THOROUGH, rounds };
    const campaign = new Campaign(parts, times);
    const checks: Check[] = [];
    const cells: Cell[] = [];
    for (const workload of chosen) {
      if (workload.kind === "exchange") checks.push(...(await campaign.verify(workload, taking)));
      cells.push(...(await campaign.measure(workload, taking)));
    }
    return {
      format: 1,
      command: ["npm run bench --", ...process.argv.slice(2).map(quote)].join(" "),
      finishedAt: new Date().toISOString(),
      machine,
      rounds: times.rounds,
      measureMs: times.measureMs,
      skipped,
      failures: campaign.failures,
      checks,
      cells,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** As one would type it. */
function quote(word: string): string {
  return word.includes(" ") ? `"${word}"` : word;
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
  .option("--rounds <count>", "interleaved rounds; the figures are their medians", parseCount, 3)
  .option("--only <ids>", "workloads whose ids begin with one of these, comma-separated: W1,W3", parseList)
  .option("--against <names>", "only these contestants, comma-separated; plain ws always runs", parseList)
  .option("--json <file>", "write the results there")
  .option("--write", "write docs/benchmarks.md, .svg and .json")
  .option("--compare <json>", "exit 1 where a ratio to plain ws got more than 10 % worse than in these results")
  .action(main)
  .parseAsync();
