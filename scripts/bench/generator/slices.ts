import { setTimeout as after } from "node:timers/promises";
import type { Load } from "./load.ts";
import { cpuSeconds } from "./process-usage.ts";

/** In which a server does what is left to do after the last delivery, such as to answer a close. */
const QUIET_MS = 2;

/** One of two builds under measurement. */
export type Side = { readonly load: Load; readonly pids: readonly number[] };

/** Two slices, one of each build, next to each other. */
export type Pair = {
  /** Server CPU for one unit, in µs. */
  readonly headCost: number;
  readonly baseCost: number;
};

/** How much is measured. */
export type SliceOptions = {
  /** Pairs of slices before the first that counts: who warms up alone is cold again when its turn comes. */
  readonly warmUpPairCount: number;
  /**
   * The same for the first workload after the start, when V8 compiles: its threads' CPU counts too, and the build with more code was
   * dearer by a quarter (W1 window 1) that was a tenth two seconds later.
   */
  readonly coldPairCount: number;
  readonly sliceMs: number;
  readonly pairCount: number;
  /** Whether the first pair begins with the build that is compared. */
  readonly isHeadFirst: boolean;
};

/**
 * Measures two builds in short slices that take turns, so that both meet the same minute of the machine; who is first changes
 * from pair to pair. A slice begins and ends with nothing under way, so all CPU that its work cost is counted, and the
 * scheduler's account of a process that sleeps is exact.
 */
export async function measurePairs(
  head: Side,
  base: Side,
  options: Omit<SliceOptions, "coldPairCount">,
): Promise<readonly Pair[]> {
  const { warmUpPairCount, sliceMs, pairCount } = options;
  for (const { load } of [head, base]) await load.open();
  const pairs: Pair[] = [];
  for (let index = 0; index < warmUpPairCount + pairCount; index += 1) {
    const isHeadFirst = (index % 2 === 0) === options.isHeadFirst;
    const first = await costOf(isHeadFirst ? head : base, sliceMs);
    const second = await costOf(isHeadFirst ? base : head, sliceMs);
    pairs.push(isHeadFirst ? { headCost: first, baseCost: second } : { headCost: second, baseCost: first });
  }
  for (const { load } of [head, base]) load.close();
  return pairs.slice(warmUpPairCount);
}

async function costOf({ load, pids }: Side, sliceMs: number): Promise<number> {
  await after(QUIET_MS);
  const before = cpuSeconds(pids);
  const count = await load.work(sliceMs);
  await after(QUIET_MS);
  if (count === 0) throw new Error(`nothing was done in ${sliceMs} ms`);
  return ((cpuSeconds(pids) - before) * 1e6) / count;
}
