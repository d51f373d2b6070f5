import type { DatabaseSync } from "node:sqlite";
import { numberIn } from "./sqlite-rows.ts";
import { StoreError } from "./store-error.ts";

/** Marks a file as this relay's: "PstM". */
export const APPLICATION_ID = 0x5073_744d;

/**
 * What brings a file from each version of the schema to the next one, from an empty file on. What has been released is
 * never changed: a change is a new line.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE mailboxes (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    message_count INTEGER NOT NULL,
    message_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox INTEGER NOT NULL REFERENCES mailboxes (key),
    id TEXT NOT NULL,
    rank INTEGER NOT NULL,
    collapse_key TEXT,
    note TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    deposited_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX messages_by_id ON messages (mailbox, id);
  CREATE UNIQUE INDEX messages_by_collapse_key ON messages (mailbox, collapse_key) WHERE collapse_key IS NOT NULL;
  CREATE INDEX messages_by_place ON messages (mailbox, rank, sequence);
  CREATE INDEX messages_by_expiry ON messages (expires_at_ms);
  CREATE TABLE records (
    space TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (space, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX records_by_expiry ON records (expires_at_ms);
  `,
];

/**
 * Brings the schema up to date, each version in a transaction of its own.
 * @throws StoreError `store-newer` where a later relay has written the file, `store-corrupt` where it is another program's.
 */
export function migrate(database: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  const version = pragma(database, "user_version");
  checkIsOurs(database, version);
  if (version > migrations.length) {
    throw new StoreError(
      "store-newer",
      `the store has schema ${version}, and this relay knows ${migrations.length}: a later version has written it`,
    );
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue;
    database.exec(
      `BEGIN IMMEDIATE; ${migration}; PRAGMA user_version = ${index + 1}; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`,
    );
  }
}

function checkIsOurs(database: DatabaseSync, version: number): void {
  const applicationId = pragma(database, "application_id");
  if (applicationId === APPLICATION_ID) return;
  const tableCount = numberIn(database.prepare("SELECT count(*) AS count FROM sqlite_schema").get(), "count");
  if (version === 0 && applicationId === 0 && tableCount === 0) return;
  throw new StoreError("store-corrupt", "the file is a database of another program; nothing in it was changed");
}

/** Reads a setting of the file that is a number. */
export function pragma(
  database: DatabaseSync,
  name: "user_version" | "application_id" | "page_count" | "freelist_count",
): number {
  return numberIn(database.prepare(`PRAGMA ${name}`).get(), name);
}
