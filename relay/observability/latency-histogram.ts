/** The upper bounds of the buckets, in seconds: Prometheus' own, and three below them, where a relay lives. */
export const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** A histogram at one moment: cumulative, as Prometheus wants it. */
export type LatencyReading = {
  /** For each bound, how many were not above it. */
  readonly cumulative: readonly number[];
  readonly count: number;
  readonly sumSeconds: number;
};

/** Counts durations in fixed buckets: a few comparisons and an addition, nothing allocated. */
export class LatencyHistogram {
  /** The last one is for what is above all bounds. */
  readonly #counts: number[] = Array.from({ length: latencyBuckets.length + 1 }, () => 0);
  #sumSeconds = 0;

  record(latencyMs: number): void {
    const seconds = latencyMs / 1000;
    let index = 0;
    while (index < latencyBuckets.length && seconds > (latencyBuckets[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumSeconds += seconds;
  }

  read(): LatencyReading {
    let count = 0;
    const cumulative = latencyBuckets.map((_, index) => {
      count += this.#counts[index] ?? 0;
      return count;
    });
    return { cumulative, count: count + (this.#counts.at(-1) ?? 0), sumSeconds: this.#sumSeconds };
  }
}

/**
 * The duration that this part of the observations between two readings did not exceed: the bound of its bucket, so at
 * most one bucket too high. Undefined where there were none. @param part 0 to 1.
 */
export function quantileSeconds(
  later: LatencyReading,
  earlier: LatencyReading | undefined,
  part: number,
): number | undefined {
  const count = later.count - (earlier?.count ?? 0);
  if (count <= 0) return undefined;
  const index = later.cumulative.findIndex((value, at) => value - (earlier?.cumulative[at] ?? 0) >= part * count);
  return latencyBuckets[index] ?? latencyBuckets.at(-1);
}
