import { QUIET_IDS } from "../workloads.ts";
import { growthLines } from "./growth.ts";
import { mailboxLines } from "./mailbox-lines.ts";
import { digits, whole } from "./numbers.ts";
import { type Cell, DISTURBED_SHARE, type Results } from "./results.ts";

/** Above it the generator may be what limits the rate; the cost still holds. */
const BUSY_GENERATOR_SHARE = 0.9;
/** A contestant that gets less than this part of a fixed rate through is overloaded by it. */
const REACHED_PART = 0.97;

/** The results as Markdown. */
export function toMarkdown(results: Results): string {
  const { cells, checks, machine, runs, skipped, failures } = results;
  const verifiedCount = checks.reduce((sum, check) => sum + check.verifiedCount, 0);
  const faulty = checks.filter(({ faults }) => faults.length > 0);
  const plain = cells.filter(({ growth }) => growth === undefined);
  return [
    "| | |",
    "|---|---|",
    ...Object.entries(machine).map(([name, value]) => `| ${name} | ${value} |`),
    ...runs.map(
      ({ command, finishedAt, rounds, measureMs, loadBefore }) =>
        `| run | \`${command}\`: ${rounds} interleaved rounds of ${measureMs / 1000} s, medians; finished ${finishedAt}, load before it ${loadBefore.toFixed(1)} |`,
    ),
    "",
    "| workload | contestant | per second | cost | cost / plain ws | p50 ms | p99 ms | server RSS MiB | server, generator: % of a core |",
    "|---|---|---|---|---|---|---|---|---|",
    ...plain.map(toRow),
    "",
    ...pipeLines(plain),
    ...stalledLines(plain),
    ...mailboxLines(plain),
    ...registeringLines(plain),
    ...growthLines(cells),
    `Correctness pass: ${verifiedCount} deliveries verified for order, content and count, ${faulty.length} of ${checks.length} passes with faults.`,
    ...faulty.map(({ workload, contestant, faults }) => `- ${workload}, ${contestant}: ${faults.join("; ")}`),
    ...skipped.map((reason) => `- not run: ${reason}`),
    ...failures.map((failure) => `- failed: ${failure}`),
    "",
  ].join("\n");
}

function rateOf({ perSecond, wantedPerSecond }: Cell): string {
  if (perSecond === undefined) return "";
  const isMissed = wantedPerSecond !== undefined && perSecond < REACHED_PART * wantedPerSecond;
  return `${whole(perSecond)}${isMissed ? " (missed)" : ""}`;
}

/** How near the relay is to what Node's TLS costs by itself. */
function pipeLines(cells: readonly Cell[]): readonly string[] {
  const pipe = cells.find(({ contestant }) => contestant === "tls pipe");
  const binary = cells.find(
    ({ workload, contestant }) => workload === pipe?.workload && contestant === "postern binary",
  );
  if (pipe === undefined || binary === undefined) return [];
  return [
    `${pipe.workload}: postern binary costs ${(binary.cost / pipe.cost).toFixed(2)} times what the tls pipe costs.`,
    "",
  ];
}

/** What readers that stall cost those who have nothing to do with them. */
function stalledLines(cells: readonly Cell[]): readonly string[] {
  return cells.flatMap(({ contestant, stalledReaderCount, p99Ms, residentMib, memoryBoundMib }) => {
    const quiet = quietCell(cells, QUIET_IDS.stalled, contestant);
    if (stalledReaderCount === undefined || p99Ms === undefined || quiet?.p99Ms === undefined) return [];
    const times = (p99Ms / quiet.p99Ms).toFixed(2);
    return [
      `S1, ${contestant}: with ${whole(stalledReaderCount)} stalled readers in other topics p99 is ${times} times that without, ` +
        `server RSS ${whole(residentMib)} MiB${memoryBoundMib === undefined ? "" : ` under a bound of ${whole(memoryBoundMib)} MiB`}.`,
      "",
    ];
  });
}

/** What registrations cost those who have nothing to do with them. */
function registeringLines(cells: readonly Cell[]): readonly string[] {
  return cells.flatMap(({ workload, contestant, registrationsPerSecond, p99Ms }) => {
    const quiet = quietCell(cells, QUIET_IDS.registering, contestant);
    if (registrationsPerSecond === undefined || p99Ms === undefined || quiet?.p99Ms === undefined) return [];
    const times = (p99Ms / quiet.p99Ms).toFixed(2);
    return [
      `${workload}, ${contestant}: with ${registrationsPerSecond} registrations asked for in a second p99 is ${times} times that without.`,
      "",
    ];
  });
}

function quietCell(cells: readonly Cell[], workload: string, contestant: string): Cell | undefined {
  return cells.find((cell) => cell.workload === workload && cell.contestant === contestant);
}

function toRow(cell: Cell): string {
  const { workload, contestant, cost, unit, lowestCost, highestCost, ratio, resumedShare } = cell;
  const spread = cell.runs.length > 1 ? ` (${digits(lowestCost)}-${digits(highestCost)})` : "";
  const resumed = resumedShare === undefined ? "" : `, ${Math.round(resumedShare * 100)} % resumed`;
  const disturbed = cell.waitShare > DISTURBED_SHARE ? " ~" : "";
  const busy = cell.generatorShare > BUSY_GENERATOR_SHARE ? "!" : "";
  const columns = [
    workload,
    contestant,
    rateOf(cell),
    `${digits(cost)}${spread} ${unit}${resumed}${disturbed}`,
    ratio === undefined ? "" : ratio.toFixed(2),
    digits(cell.p50Ms),
    digits(cell.p99Ms),
    String(Math.round(cell.residentMib)),
    `${percent(cell.serverShare)}, ${percent(cell.generatorShare)}${busy}`,
  ];
  return `| ${columns.join(" | ")} |`;
}

function percent(share: number): string {
  return String(Math.round(share * 100));
}
