import type { Measurement } from "../generator/measurement.ts";
import type { GrowthPlace, Workload } from "../workload.ts";
import { median } from "./statistics.ts";

/** A run of which server or generator waited longer than this part for a core was disturbed by others. */
export const DISTURBED_SHARE = 0.1;

/** What a figure of cost is of. */
export type CostUnit =
  | "µs per delivery"
  | "µs per connection"
  | "µs per join and leave"
  | "KiB per connection"
  | "µs per deposit"
  | "µs per message fetched"
  | "KiB of the store per message";

/** What one run says, in the units of the table. */
export type Run = {
  /** Deliveries, or connections, per second; undefined where nothing moves. */
  readonly perSecond?: number;
  /** Server CPU, or memory, for one of them: the robust figure. */
  readonly cost: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly residentMib: number;
  /** Of one core. */
  readonly serverShare: number;
  readonly generatorShare: number;
  /** Of the time: how long server or generator waited for a core that others used. */
  readonly waitShare: number;
  /** Of handshakes: the part that resumed a session. */
  readonly resumedShare?: number;
  /** Of the relay: what it says at its start that its memory stays below. */
  readonly memoryBoundMib?: number;
};

/** One workload of one contestant: the medians over the rounds, and each round. */
export type Cell = Run & {
  readonly workload: string;
  readonly contestant: string;
  readonly unit: CostUnit;
  /** Of a workload at a fixed rate: what `perSecond` should be. */
  readonly wantedPerSecond?: number;
  /** Of a workload beside stalled readers: how many there are. */
  readonly stalledReaderCount?: number;
  /** Of a workload beside registrations: how many are asked for in a second. */
  readonly registrationsPerSecond?: number;
  readonly growth?: GrowthPlace;
  readonly lowestCost: number;
  readonly highestCost: number;
  /** Cost as a multiple of the yardstick's, median over the rounds; undefined where the yardstick has no such cell. */
  readonly ratio?: number;
  readonly runs: readonly Run[];
};

/** A correctness pass: every delivery was looked at. */
export type Check = {
  readonly workload: string;
  readonly contestant: string;
  readonly verifiedCount: number;
  readonly faults: readonly string[];
};

/** One start of the benchmark. */
type RunOfBench = {
  readonly command: string;
  readonly finishedAt: string;
  readonly rounds: number;
  readonly measureMs: number;
  /** Processes that ran or wanted to, in the minute before it began. */
  readonly loadBefore: number;
};

/** Everything that the benchmark found, in one start or in several on one machine; the JSON. */
export type Results = {
  readonly format: 2;
  readonly runs: readonly RunOfBench[];
  readonly machine: Readonly<Record<string, string>>;
  readonly skipped: readonly string[];
  /** Runs that came to nothing. */
  readonly failures: readonly string[];
  readonly checks: readonly Check[];
  readonly cells: readonly Cell[];
};

/** What a workload's cost is of. */
export function unitOf({ kind }: Workload): CostUnit {
  switch (kind) {
    case "exchange":
      return "µs per delivery";
    case "handshake":
      return "µs per connection";
    case "churn":
      return "µs per join and leave";
    case "idle":
      return "KiB per connection";
    case "deposit":
      return "µs per deposit";
    case "fetch":
      return "µs per message fetched";
    case "store-size":
      return "KiB of the store per message";
  }
}

/** Puts a measurement into the units of the table. @param printed by the server. */
export function toRun(measurement: Measurement, printed = ""): Run {
  const { count, seconds, serverCpuSeconds, generatorCpuSeconds, serverResidentBytes } = measurement;
  const shares = {
    residentMib: serverResidentBytes / 2 ** 20,
    serverShare: serverCpuSeconds / seconds,
    generatorShare: generatorCpuSeconds / seconds,
    waitShare: measurement.waitSeconds / seconds,
    ...boundOf(printed),
  };
  if (measurement.grownBytes !== undefined) return { cost: measurement.grownBytes / 1024 / count, ...shares };
  return {
    perSecond: count / seconds,
    cost: (serverCpuSeconds * 1e6) / count,
    p50Ms: measurement.p50Micros / 1000,
    p99Ms: measurement.p99Micros / 1000,
    ...shares,
    ...(measurement.resumedCount === undefined ? {} : { resumedShare: measurement.resumedCount / count }),
  };
}

/** The relay logs it as JSON. */
function boundOf(printed: string): Pick<Run, "memoryBoundMib"> {
  const bound = /"memoryBoundMiB":(\d+)/.exec(printed)?.[1];
  return bound === undefined ? {} : { memoryBoundMib: Number(bound) };
}

/**
 * Sums up the rounds of one cell; undefined where none succeeded.
 * @param runs undefined for a round that failed.
 * @param yardstickRuns of the same workload, round by round; each round is compared with its own, because a machine that
 * others use is slower in one minute than in the next.
 */
export function toCell(
  workload: Workload,
  contestant: string,
  runs: readonly (Run | undefined)[],
  yardstickRuns: readonly (Run | undefined)[],
): Cell | undefined {
  const succeeded = runs.filter((run) => run !== undefined);
  if (succeeded.length === 0) return undefined;
  const costs = succeeded.map(({ cost }) => cost);
  const ratios = runs.flatMap((run, round) => {
    const yardstick = yardstickRuns[round];
    return run === undefined || yardstick === undefined ? [] : [run.cost / yardstick.cost];
  });
  return {
    workload: workload.id,
    contestant,
    unit: unitOf(workload),
    ...medianRun(succeeded),
    ...(workload.kind === "exchange" && workload.pace.kind === "rate"
      ? { wantedPerSecond: workload.pace.deliveriesPerSecond }
      : {}),
    ...(workload.growth === undefined ? {} : { growth: workload.growth }),
    ...stalledOf(workload),
    ...registrationsOf(workload),
    lowestCost: Math.min(...costs),
    highestCost: Math.max(...costs),
    ...(ratios.length === 0 ? {} : { ratio: median(ratios) }),
    runs: succeeded,
  };
}

function stalledOf(workload: Workload): Pick<Cell, "stalledReaderCount"> {
  if (workload.kind !== "exchange" || workload.stalledReaders === undefined) return {};
  const { topicCount, readersPerTopic } = workload.stalledReaders;
  return { stalledReaderCount: topicCount * readersPerTopic };
}

function registrationsOf(workload: Workload): Pick<Cell, "registrationsPerSecond"> {
  if (workload.kind !== "exchange" || workload.registrationsPerSecond === undefined) return {};
  return { registrationsPerSecond: workload.registrationsPerSecond };
}

function medianRun(runs: readonly Run[]): Run {
  const keys = Object.keys(runs[0] ?? {}) as (keyof Run)[];
  return Object.fromEntries(keys.map((key) => [key, median(runs.map((run) => run[key] ?? 0))])) as Run;
}
