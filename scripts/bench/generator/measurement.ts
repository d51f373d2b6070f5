import { performance } from "node:perf_hooks";
import type { Histogram } from "./histogram.ts";
import { cpuSeconds, processTree, residentBytes, waitSeconds } from "./process-usage.ts";

/** What one run of one contestant gave. */
export type Measurement = {
  /** Deliveries, or connections made, or connections held. */
  readonly count: number;
  readonly seconds: number;
  readonly serverCpuSeconds: number;
  readonly generatorCpuSeconds: number;
  /** How long server or generator, whichever longer, waited for a core that others used. */
  readonly waitSeconds: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly serverResidentBytes: number;
  /** Of idle connections: what the server's memory grew by; of stored messages: what its directory did. */
  readonly grownBytes?: number;
  /** Of handshakes: how many resumed a session. */
  readonly resumedCount?: number;
};

/** The books from one moment on. */
export type Accounts = { close(count: number, latency: Histogram): Measurement };

/** Starts to count time and CPU, of the server by /proc and of this process. */
export function openAccounts(serverPid: number): Accounts {
  const pids = processTree(serverPid);
  const serverCpuBefore = cpuSeconds(pids);
  const serverWaitBefore = waitSeconds(pids);
  const ownWaitBefore = waitSeconds(["self"]);
  const ownCpuBefore = process.cpuUsage();
  const beforeMs = performance.now();
  return {
    close(count, latency) {
      const seconds = (performance.now() - beforeMs) / 1000;
      const serverCpuSeconds = cpuSeconds(pids) - serverCpuBefore;
      const { user, system } = process.cpuUsage(ownCpuBefore);
      return {
        count,
        seconds,
        serverCpuSeconds,
        generatorCpuSeconds: (user + system) / 1e6,
        waitSeconds: Math.max(0, waitSeconds(pids) - serverWaitBefore, waitSeconds(["self"]) - ownWaitBefore),
        p50Micros: latency.percentileMicros(0.5),
        p99Micros: latency.percentileMicros(0.99),
        serverResidentBytes: residentBytes(pids),
      };
    },
  };
}
