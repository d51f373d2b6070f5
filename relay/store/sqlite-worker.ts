import { readlinkSync, statfsSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { hazardOf } from "./file-system.ts";
import { type Packed, packOutcomes, unpackCalls } from "./packed-batch.ts";
import type { StoreHazard, StoreLimits, StoreTotals } from "./ports.ts";
import { runBatch } from "./sqlite-batch.ts";
import { SqliteEngine } from "./sqlite-engine.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { check, lock, openToWrite, placeOf, prepareDirectory, type Synchronous } from "./sqlite-file.ts";
import type { StoreErrorCode } from "./store-error.ts";

/** The thread of the database: a commit waits for the disk, and nobody else shall wait with it. */

/**
 * How much the thread gives way to the relay's own where both want one core (setpriority(2)): a message is on its way in half a
 * millisecond, and a commit takes some. It still has a quarter of the core.
 */
const NICENESS = 5;

/** What the thread is started with. */
export type WorkerStart = {
  readonly directory: string;
  readonly synchronous: Synchronous;
  readonly limits: StoreLimits;
};

/** What the thread is told: the calls of one batch, or that it is enough. */
export type ToWorker = { readonly calls: Packed } | { readonly close: true };

/** What the thread says: first how the opening went, then what came of each batch, and that it is closed. */
export type FromWorker =
  | { readonly type: "opened"; readonly totals: StoreTotals; readonly hazard: StoreHazard | undefined }
  | { readonly type: "failed"; readonly code: StoreErrorCode; readonly message: string }
  | { readonly type: "done"; readonly outcomes: Packed; readonly totals: StoreTotals }
  | { readonly type: "closed" };

const start: WorkerStart = workerData;
giveWay();
let lockHolder: DatabaseSync | undefined;
try {
  const place = placeOf(start.directory);
  await prepareDirectory(place);
  lockHolder = lock(place);
  check(place);
  const database = openToWrite(place, start.synchronous);
  const engine = new SqliteEngine(database, start.limits);
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(place.directory);
    return bavail * bsize;
  };
  parentPort?.on("message", (message: ToWorker) => {
    if ("calls" in message) {
      const { outcomes, totals } = runBatch({ database, engine, freeBytes }, unpackCalls(message.calls));
      const packed = packOutcomes(outcomes);
      tell({ type: "done", outcomes: packed, totals }, [packed.bytes.buffer]);
      return;
    }
    database.close();
    lockHolder?.close();
    tell({ type: "closed" });
    parentPort?.close();
  });
  tell({ type: "opened", totals: engine.totals, hazard: await hazardOf(place.directory) });
} catch (error) {
  lockHolder?.close();
  const { code, message } = toStoreError("the store cannot be opened", error);
  tell({ type: "failed", code, message });
}

/** On Linux a thread has a priority of its own; elsewhere it stays as it is. */
function giveWay(): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), NICENESS);
  } catch {
    // No /proc, or not allowed: it works all the same.
  }
}

function tell(message: FromWorker, given: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, given);
}
