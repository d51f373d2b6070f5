import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { ReceiveBuffers } from "./workload.ts";

/** What was done so that the machine disturbs the measurement less, and what was not. Printed, and kept with the results. */
export type Isolation = {
  readonly network: string;
  readonly cores: string;
  /** Words before a command that put it on its core. */
  readonly serverPrefix: readonly string[];
  readonly generatorPrefix: readonly string[];
};

/** Tells the process inside the namespace that it is. */
const INSIDE = "POSTERN_BENCH_NAMESPACE";

const RECEIVE_BUFFERS_PATH = "/proc/sys/net/ipv4/tcp_rmem";
/** The least, what a connection begins with, and the most, in bytes. */
const RECEIVE_BUFFERS: Readonly<Record<ReceiveBuffers, string>> = {
  large: "4096 1048576 6291456",
  usual: "4096 131072 6291456",
};

/** A loopback of 64 KiB packets and BBR make closed loops stall; these make it an ordinary network. */
const SETTINGS = {
  "/proc/sys/net/ipv4/tcp_congestion_control": "reno",
  [RECEIVE_BUFFERS_PATH]: RECEIVE_BUFFERS.large,
};
const LOOPBACK_MTU_BYTES = "1500";

/** How often the process inside looks whether the one outside is still there. */
const PARENT_CHECK_MS = 1000;

/** The most that a session can ask of the scheduler (sched(7), autogroup). */
const FIRST_PRIORITY = "-20";

/**
 * Runs this very command again in a network namespace and a session of its own, where that is permitted.
 * @param environment variables for it.
 * @returns its exit code; undefined where this is that process, or there can be none.
 */
export async function runInNamespace(environment: Readonly<Record<string, string>>): Promise<number | undefined> {
  if (process.env[INSIDE] !== undefined || !canRun("unshare", ["--net", "ip", "link", "set", "lo", "up"]))
    return undefined;
  const child = spawn("setsid", ["unshare", "--net", process.execPath, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, ...environment, [INSIDE]: "1" },
  });
  // A session of its own hears nothing of the terminal's keys.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => child.kill(signal));
  const [status] = (await once(child, "exit")) as [number | null];
  return status ?? 1;
}

/** Prepares the network and chooses the cores. */
export function isolate(): Isolation {
  const network = process.env[INSIDE] === undefined ? "shared: no permission for a namespace" : tuneNamespace();
  if (availableParallelism() < 2 || !["0", "1"].every((core) => canRun("taskset", ["-c", core, "true"]))) {
    return { network, cores: "shared", serverPrefix: [], generatorPrefix: [] };
  }
  return {
    network,
    cores: "server on core 0, generator on core 1",
    serverPrefix: ["taskset", "-c", "0"],
    generatorPrefix: ["taskset", "-c", "1"],
  };
}

/** Sets what the kernel takes in for connections made from now on; on the shared loopback, whose it is not, nothing. */
export function setReceiveBuffers(size: ReceiveBuffers): void {
  if (process.env[INSIDE] === undefined) return;
  try {
    writeFileSync(RECEIVE_BUFFERS_PATH, RECEIVE_BUFFERS[size]);
  } catch {
    // As when the namespace was prepared: the line about the network says that it is unchanged.
  }
}

function tuneNamespace(): string {
  const parentPid = process.ppid;
  // Whoever ends the command ends the process outside; the one inside must not go on alone.
  setInterval(() => {
    if (process.ppid !== parentPid) process.exit(1);
  }, PARENT_CHECK_MS).unref();
  const done = ["namespace of its own"];
  done.push(askForPriority());
  execFileSync("ip", ["link", "set", "lo", "up", "mtu", LOOPBACK_MTU_BYTES]);
  done.push(`lo MTU ${LOOPBACK_MTU_BYTES}`);
  for (const [path, value] of Object.entries(SETTINGS)) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    try {
      writeFileSync(path, value);
      done.push(`${name} ${value}`);
    } catch {
      done.push(`${name} unchanged`);
    }
  }
  return done.join(", ");
}

/** Others that work on this machine wait meanwhile. The session that asks is this benchmark's alone. */
function askForPriority(): string {
  try {
    writeFileSync("/proc/self/autogroup", FIRST_PRIORITY);
    return "first priority";
  } catch {
    return "no priority";
  }
}

function canRun(command: string, commandArguments: readonly string[]): boolean {
  return spawnSync(command, commandArguments, { stdio: "ignore" }).status === 0;
}
