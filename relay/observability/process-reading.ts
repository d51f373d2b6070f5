import type { ProcessReading } from "./readings.ts";

const MICROSECONDS_PER_SECOND = 1e6;

/** What this process uses now. @param startedAtSeconds since the epoch. */
export function readProcess(startedAtSeconds: number): ProcessReading {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, external } = process.memoryUsage();
  return {
    cpuSeconds: (user + system) / MICROSECONDS_PER_SECOND,
    startedAtSeconds,
    residentBytes: rss,
    heapBytes: heapUsed,
    externalBytes: external,
  };
}
