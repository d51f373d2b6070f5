import { statfsSync } from "node:fs";
import { setTimeout as after } from "node:timers/promises";
import type { DepositWorkload } from "../workload.ts";
import { Depositor } from "./depositor.ts";
import type { Durations } from "./exchange.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./load.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import type { Subject } from "./members.ts";

/** statfs(2): a file system in memory. What is synced there is not on a disk. */
const TMPFS_MAGIC = 0x0102_1994;

/** A server, and where it keeps what it stores. */
export type StoringServer = { readonly serverPid: number; readonly serverDirectory: string };

/** Stores messages as fast as it goes, with so many under way, and counts what is acknowledged. */
export async function measureDeposits(
  subject: Subject,
  workload: DepositWorkload,
  { serverPid, serverDirectory }: StoringServer,
  { warmUpMs, measureMs }: Durations,
): Promise<Measurement> {
  if (statfsSync(serverDirectory).type === TMPFS_MAGIC) {
    throw new Error("the store would be in memory (tmpfs), where nothing is durable: set TMPDIR to a folder on a disk");
  }
  const deposits = new Deposits(subject, workload);
  await deposits.open();
  await deposits.work(warmUpMs);
  deposits.latency.clear();
  const accounts = openAccounts(serverPid);
  const count = await deposits.work(measureMs);
  const measurement = accounts.close(count, deposits.latency);
  deposits.close();
  return measurement;
}

/** Connections that deposit in a closed loop. */
export class Deposits implements Load {
  readonly latency: Histogram = new Histogram();
  readonly #depositors: readonly Depositor[];
  readonly #workload: DepositWorkload;
  readonly #failure = Promise.withResolvers<never>();
  #storedCount = 0;
  #maySend = 0;
  #onDrained: (() => void) | undefined;

  constructor(subject: Subject, workload: DepositWorkload) {
    this.#workload = workload;
    this.#failure.promise.catch(() => undefined);
    this.#depositors = Array.from({ length: workload.connectionCount }, (_, index) => {
      const depositor: Depositor = new Depositor(subject, {
        index,
        payloadBytes: workload.payloadBytes,
        latency: this.latency,
        onStored: () => this.#stored(depositor),
        onFailure: (error) => this.#failure.reject(error),
      });
      return depositor;
    });
  }

  async open(): Promise<void> {
    await Promise.all(this.#depositors.map(({ connection }) => connection.open()));
  }

  async work(durationMs: number): Promise<number> {
    return this.#run(Number.POSITIVE_INFINITY, after(durationMs));
  }

  /** Stores exactly so many. */
  async store(count: number): Promise<void> {
    await this.#run(count, undefined);
  }

  close(): void {
    for (const { connection } of this.#depositors) connection.close();
  }

  /** Deposits until the time is over or all are sent, and waits until what is under way is stored. */
  async #run(count: number, time: Promise<unknown> | undefined): Promise<number> {
    const countBefore = this.#storedCount;
    const drained = new Promise<void>((resolve) => (this.#onDrained = resolve));
    this.#maySend = count;
    for (const depositor of this.#depositors) {
      for (let sent = 0; sent < this.#workload.underWayCount; sent += 1) this.#send(depositor);
    }
    if (time !== undefined) {
      await Promise.race([time, this.#failure.promise]);
      this.#maySend = 0;
    }
    await Promise.race([drained, this.#failure.promise]);
    return this.#storedCount - countBefore;
  }

  #send(depositor: Depositor): void {
    if (this.#maySend <= 0) return;
    this.#maySend -= 1;
    depositor.send();
  }

  #stored(depositor: Depositor): void {
    this.#storedCount += 1;
    this.#send(depositor);
    if (this.#maySend <= 0 && this.#depositors.every(({ underWayCount }) => underWayCount === 0)) this.#onDrained?.();
  }
}
