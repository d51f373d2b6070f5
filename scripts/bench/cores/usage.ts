import { readdirSync, readFileSync } from "node:fs";

const NANOSECONDS_PER_MICROSECOND = 1000;

/** The CPU time that a process has used, all threads together; 0 where it is gone. */
export function cpuMicros(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanoseconds = threads.map((thread) => fieldOf(`/proc/${pid}/task/${thread}/schedstat`, /^(\d+)/));
    return sum(nanoseconds) / NANOSECONDS_PER_MICROSECOND;
  } catch {
    return 0;
  }
}

/** The memory of a process, with its part of what it shares with others. */
export function proportionalMebibytes(pid: number): number {
  return fieldOf(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m) / 1024;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function fieldOf(path: string, pattern: RegExp): number {
  return Number(pattern.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
}
