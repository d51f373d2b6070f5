import { statfsSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { hazardOf } from "./file-system.ts";
import type { StoreHazard, StoreLimits, StoreTotals } from "./ports.ts";
import { type BatchOutcome, type Call, runBatch } from "./sqlite-batch.ts";
import { SqliteEngine } from "./sqlite-engine.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { check, lock, openToWrite, placeOf, prepareDirectory, type Synchronous } from "./sqlite-file.ts";
import type { StoreErrorCode } from "./store-error.ts";

/** The thread of the database: a commit waits for the disk, and nobody else shall wait with it. */

/** What the thread is started with. */
export type WorkerStart = {
  readonly directory: string;
  readonly synchronous: Synchronous;
  readonly limits: StoreLimits;
};

/** What the thread is told: the calls of one batch, or that it is enough. */
export type ToWorker = { readonly calls: readonly Call[] } | { readonly close: true };

/** What the thread says: first how the opening went, then what came of each batch, and that it is closed. */
export type FromWorker<Value = unknown> =
  | { readonly type: "opened"; readonly totals: StoreTotals; readonly hazard: StoreHazard | undefined }
  | { readonly type: "failed"; readonly code: StoreErrorCode; readonly message: string }
  | ({ readonly type: "done" } & BatchOutcome<Value>)
  | { readonly type: "closed" };

const start: WorkerStart = workerData;
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
      tell({ type: "done", ...runBatch({ database, engine, freeBytes }, message.calls) });
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

function tell(message: FromWorker): void {
  parentPort?.postMessage(message, []);
}
