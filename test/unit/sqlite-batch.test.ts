import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { type Call, runBatch } from "../../relay/store/sqlite-batch.ts";
import { SqliteEngine } from "../../relay/store/sqlite-engine.ts";
import { migrate } from "../../relay/store/sqlite-schema.ts";
import { depositOf, readOf } from "../support/mailbox-store.ts";

const LIMITS = { maxMessages: 0, maxBytes: 0 };

/** A database that takes a transaction back, and says that it could not. */
class Grumbling extends DatabaseSync {
  override exec(sql: string): void {
    super.exec(sql);
    if (sql === "ROLLBACK") throw new Error("disk I/O error");
  }
}

it.each([DatabaseSync, Grumbling])("remembers nothing of a mailbox whose making was taken back (%o)", (Database) => {
  const database = new Database(":memory:");
  migrate(database);
  const engine = new SqliteEngine(database, LIMITS);
  const good: Call = { method: "deposit", given: depositOf("good") };
  // No dialect makes this up: it fails in the middle of the transaction.
  const bad: Call = { method: "deposit", given: depositOf("bad", { note: undefined as never, id: "bad" }) };

  const { outcomes } = runBatch({ database, engine, freeBytes: () => 1e12 }, [good, bad]);

  expect(outcomes.map(({ isDone }) => isDone)).toEqual([true, false]);
  // As whoever opens the file next finds it.
  const next = new SqliteEngine(database, LIMITS);
  expect(next.read(readOf()).map(({ id }) => id)).toEqual(["id good"]);
  expect(next.totals).toMatchObject({ mailboxCount: 1, messageCount: 1 });
});
