import { closeSync, existsSync, openSync, statSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkFileSystem } from "./file-system.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { textIn } from "./sqlite-rows.ts";
import { migrate } from "./sqlite-schema.ts";
import { StoreError } from "./store-error.ts";

/** What a commit waits for: `full`, until the disk has it; `normal`, until the system has it. */
export type Synchronous = "full" | "normal";

/** Where a store is. */
export type StorePlace = {
  readonly directory: string;
  /** Of the messages and records. Beside it SQLite keeps its log (`-wal`) and an index of that (`-shm`). */
  readonly file: string;
  /** Locked by whoever may write, for as long as its process lives. */
  readonly lockFile: string;
};

/** How long another process may keep the file locked: a backup does for moments. */
const BUSY_TIMEOUT_MS = 5000;
/** What the log may keep on the disk once it has been written back. */
const MAX_IDLE_LOG_BYTES = 16 * 1024 * 1024;

/** @param directory that holds nothing else. */
export function placeOf(directory: string): StorePlace {
  const path = resolve(directory);
  return { directory: path, file: join(path, "mailbox.db"), lockFile: join(path, "mailbox.lock") };
}

/**
 * Makes the directory where it is not there, for this user alone, and looks what it is on.
 * @throws StoreError
 */
export async function prepareDirectory({ directory }: StorePlace): Promise<void> {
  try {
    const made = await mkdir(directory, { recursive: true, mode: 0o700 });
    if (made === undefined && statSync(directory).uid === process.getuid?.()) await chmod(directory, 0o700);
  } catch (error) {
    throw toStoreError(`${directory} cannot be made ready`, error);
  }
  await checkFileSystem(directory);
}

/**
 * Takes the store for this process alone. The lock is the system's: a process that is killed has it no more.
 * @returns gives it back when it is closed. @throws StoreError `store-in-use`
 */
export function lock({ lockFile, directory }: StorePlace): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    makeFile(lockFile);
    database = new DatabaseSync(lockFile);
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database?.close();
    const failure = toStoreError(`${directory} cannot be locked`, error);
    if (failure.code !== "store-in-use") throw failure;
    throw new StoreError("store-in-use", `${directory} is in use by another relay or command`, { cause: error });
  }
}

/**
 * Checks the file without writing to it: what is damaged stays as it is, for whoever repairs it.
 * @throws StoreError `store-corrupt`. A file that is not there, or empty, is well.
 */
export function check({ file }: Pick<StorePlace, "file">): void {
  if (!existsSync(file) || (statSync(file).size === 0 && !existsSync(`${file}-wal`))) return;
  const database = openReadOnly({ file });
  try {
    const rows = database.prepare("PRAGMA quick_check(1)").all();
    const found = textIn(rows[0], "quick_check");
    if (found !== "ok") throw new StoreError("store-corrupt", `${file} is damaged: ${found.slice(0, 200)}`);
  } catch (error) {
    throw toStoreError(`${file} cannot be checked`, error);
  } finally {
    database.close();
  }
}

/** Opens the file to read what is there, also while a relay has it. @throws StoreError */
export function openReadOnly({ file }: Pick<StorePlace, "file">): DatabaseSync {
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return database;
  } catch (error) {
    throw toStoreError(`${file} cannot be opened`, error);
  }
}

/** Opens the file to write, with the schema of this version. To be called with the lock, after `check`. @throws StoreError */
export function openToWrite({ file }: StorePlace, synchronous: Synchronous): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    makeFile(file);
    database = new DatabaseSync(file);
    // Takes effect on a new file alone: `compact` can give pages back step by step then.
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA auto_vacuum = INCREMENTAL`);
    const mode = textIn(database.prepare("PRAGMA journal_mode = WAL").get(), "journal_mode");
    if (mode !== "wal") throw new StoreError("store-unsupported", `${file} cannot have a write-ahead log`);
    // What is deleted is overwritten: it was somebody's message.
    database.exec(
      `PRAGMA synchronous = ${synchronous.toUpperCase()}; PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF;
       PRAGMA journal_size_limit = ${MAX_IDLE_LOG_BYTES}`,
    );
    migrate(database);
    return database;
  } catch (error) {
    database?.close();
    throw toStoreError(`${file} cannot be opened`, error);
  }
}

/** What SQLite makes beside it gets the mode of the file. */
function makeFile(path: string): void {
  closeSync(openSync(path, "a", 0o600));
}
