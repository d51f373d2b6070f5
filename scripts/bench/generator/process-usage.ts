import { readdirSync, readFileSync } from "node:fs";

/** Linux reports process times in ticks of 10 ms (USER_HZ) on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** A process and its descendants: nginx works in children. */
export function processTree(rootPid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statFields(Number(name)) : undefined;
    if (stat !== undefined) parents.set(Number(name), Number(stat[1]));
  }
  const tree = [rootPid];
  // The list grows while it is walked: children of children follow.
  for (const pid of tree) for (const [child, parent] of parents) if (parent === pid) tree.push(child);
  return tree;
}

/**
 * The CPU time that all threads of these processes have used, in nanoseconds where the kernel tells it so
 * (/proc/PID/task/TID/schedstat), else in ticks (utime and stime of proc(5)). Of a thread that runs at this moment the time
 * since the last tick of the scheduler is missing; of one that sleeps, nothing.
 */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (threadSeconds(pid) ?? tickSeconds(pid)), 0);
}

function threadSeconds(pid: number): number | undefined {
  let nanoseconds = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
  } catch {
    // No such process, which the ticks tell, or a kernel without it.
    return undefined;
  }
  return nanoseconds / 1e9;
}

function tickSeconds(pid: number): number {
  const stat = statFields(pid);
  if (stat === undefined) throw new Error(`the server is gone: no process ${pid}`);
  return (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND;
}

/**
 * The time for which the main threads of these processes were ready to run and had to wait for a core, less what their own other
 * threads ran, for which they may have waited: V8's compiler and collector have the same core. Of one moment it means nothing; what it grows by
 * is what others took, at least. 0 where unknown.
 */
export function waitSeconds(pids: readonly (number | "self")[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    const main = schedulerFields(`/proc/${pid}/schedstat`);
    const ran = threadsOf(pid).map((thread) => schedulerFields(`/proc/${pid}/task/${thread}/schedstat`)?.[0] ?? 0);
    const besides = ran.reduce((sum, own) => sum + own, 0) - (main?.[0] ?? 0);
    nanoseconds += (main?.[1] ?? 0) - besides;
  }
  return nanoseconds / 1e9;
}

function threadsOf(pid: number | "self"): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** How long it ran, how long it waited, in nanoseconds, and more; undefined where there is no such thread, or the kernel does not tell. */
function schedulerFields(path: string): readonly number[] | undefined {
  try {
    return readFileSync(path, "utf8").split(" ").map(Number);
  } catch {
    return undefined;
  }
}

/** The memory that these processes have resident. */
export function residentBytes(pids: readonly number[]): number {
  let kibibytes = 0;
  for (const pid of pids) {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    kibibytes += Number(line?.[1] ?? 0);
  }
  return kibibytes * 1024;
}

/** The fields of /proc/PID/stat after the name, which may hold spaces; undefined where there is no such process. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
