import type { DatabaseSync } from "node:sqlite";
import type { StoreEngine, StoreTotals } from "./ports.ts";
import type { SqliteEngine } from "./sqlite-engine.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { pragma } from "./sqlite-schema.ts";
import { StoreError, type StoreErrorCode } from "./store-error.ts";

/** One thing to do, as it goes to the thread of the database. */
export type Call = {
  [Method in keyof StoreEngine]: { readonly method: Method; readonly given: Parameters<StoreEngine[Method]>[0] };
}[keyof StoreEngine];

type Failure = { readonly isDone: false; readonly code: StoreErrorCode; readonly message: string };

/** What came of one call. `value` is what the engine's method returns: whoever made the call knows its type. */
export type CallOutcome<Value = unknown> = { readonly isDone: true; readonly value: Value } | Failure;

/** What came of the calls of one batch, in their order. */
export type BatchOutcome<Value = unknown> = {
  readonly outcomes: readonly CallOutcome<Value>[];
  readonly totals: StoreTotals;
};

/** What the batches run on. */
export type BatchParts = {
  readonly database: DatabaseSync;
  readonly engine: SqliteEngine;
  /** Free bytes of the disk. */
  readonly freeBytes: () => number;
};

/**
 * What is left free on the disk: room to remove what is there, which has to be written before it makes any, and for the log
 * to be written back.
 */
const RESERVED_BYTES = 16 * 1024 * 1024;
const PAGE_BYTES = 4096;
const DISK_FULL: Failure = {
  isDone: false,
  code: "store-disk-full",
  message: "the store cannot do this: the disk is full",
};
const READERS: ReadonlySet<Call["method"]> = new Set(["read", "find", "sizeOf"]);

/**
 * Runs the calls one after the other and commits them together: one wait for the disk for all of them. Where that fails,
 * nothing of it was done, and each is tried alone: what one of them cannot do keeps none of the others from it.
 */
export function runBatch(parts: BatchParts, calls: readonly Call[]): BatchOutcome {
  const growth = calls.reduce((sum, { given }) => sum + ("data" in given ? given.data.length + PAGE_BYTES : 0), 0);
  const hasRoom = growth === 0 || hasRoomFor(parts, growth);
  const taken = hasRoom ? calls : calls.filter(({ given }) => !("data" in given));
  const outcomes = runAll(parts, taken);
  const { totals } = parts.engine;
  if (hasRoom) return { outcomes, totals };
  let next = 0;
  return {
    outcomes: calls.map(({ given }) => {
      if ("data" in given) return DISK_FULL;
      next += 1;
      return outcomes[next - 1] ?? DISK_FULL;
    }),
    totals,
  };
}

/** Whether the file need not grow, or may. */
function hasRoomFor({ database, freeBytes }: BatchParts, bytes: number): boolean {
  try {
    return freeBytes() - 2 * bytes >= RESERVED_BYTES || pragma(database, "freelist_count") * PAGE_BYTES >= 2 * bytes;
  } catch {
    // The batch fails in its own words.
    return true;
  }
}

function runAll(parts: BatchParts, calls: readonly Call[]): readonly CallOutcome[] {
  if (calls.length === 0) return [];
  const together = runTogether(parts, calls);
  if (calls.length === 1 || together.every(({ isDone }) => isDone)) return together;
  return calls.flatMap((call) => runTogether(parts, [call]));
}

function runTogether(parts: BatchParts, calls: readonly Call[]): readonly CallOutcome[] {
  const { database, engine } = parts;
  try {
    // Not until the first write: one that began as a reader may find that another process has written meanwhile.
    database.exec(calls.every(({ method }) => READERS.has(method)) ? "BEGIN" : "BEGIN IMMEDIATE");
    const values = calls.map((call) => run(engine, call));
    engine.finish();
    database.exec("COMMIT");
    return values.map((value) => ({ isDone: true, value }));
  } catch (error) {
    takeBack(parts);
    const { code, message } = toStoreError("the store cannot do this", error);
    return calls.map(() => ({ isDone: false, code, message }));
  }
}

function takeBack({ database, engine }: BatchParts): void {
  try {
    try {
      // SQLite has done it by itself after some errors.
      if (database.isTransaction) database.exec("ROLLBACK");
    } finally {
      // Whatever it says: what was remembered of the transaction is of no row that lasts.
      engine.recount();
    }
    // A log that found no room has some again where it could be written back.
    database.exec("PRAGMA wal_checkpoint(RESTART)");
  } catch {
    // The next batch fails as well, and says why.
  }
}

function run(engine: SqliteEngine, call: Call): unknown {
  switch (call.method) {
    case "deposit":
      return engine.deposit(call.given);
    case "read":
      return engine.read(call.given);
    case "remove":
      return engine.remove(call.given);
    case "clear":
      return engine.clear(call.given);
    case "sizeOf":
      return engine.sizeOf(call.given);
    case "put":
      return engine.put(call.given);
    case "find":
      return engine.find(call.given);
    case "drop":
      return engine.drop(call.given);
    case "expire":
      return engine.expire(call.given);
  }
}

/** Makes of what came over a thread's border the error that it was. */
export function errorOf({ code, message }: Failure): StoreError {
  return new StoreError(code, message);
}
