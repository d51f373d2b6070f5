import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { backup as copyPages, DatabaseSync } from "node:sqlite";
import type { StoreTotals } from "./ports.ts";
import { SqliteEngine } from "./sqlite-engine.ts";
import { toStoreError } from "./sqlite-errors.ts";
import { check, lock, openReadOnly, openToWrite, prepareDirectory, type StorePlace } from "./sqlite-file.ts";
import { APPLICATION_ID, MIGRATIONS, pragma } from "./sqlite-schema.ts";
import { StoreError } from "./store-error.ts";

/** What is done between two words about how far it is. */
const STEP_PAGES = 1000;
/** What SQLite keeps beside a file. */
const BESIDES = ["-wal", "-shm"];

/** Told how far something is, in pages of the file. */
export type OnProgress = (donePages: number, totalPages: number) => void;

/** What is known of a store from its files. */
export type StoreStatus = StoreTotals & {
  readonly file: string;
  readonly schemaVersion: number;
  readonly fileBytes: number;
  readonly logBytes: number;
  /** Bytes of the file that hold nothing, and are used again. */
  readonly freeBytes: number;
  /** Whether a relay, or another command, has it open to write. */
  readonly isInUse: boolean;
};

/** Reads what there is, also while a relay has it; and checks it. @throws StoreError */
export function readStatus(place: StorePlace): StoreStatus {
  needFile(place);
  check(place);
  const database = openReadOnly(place);
  try {
    checkSchema(place.file, database);
    const { totals } = new SqliteEngine(database, { maxMessages: 0, maxBytes: 0 });
    const pageBytes = statSync(place.file).size / Math.max(1, pragma(database, "page_count"));
    return {
      ...totals,
      file: place.file,
      schemaVersion: pragma(database, "user_version"),
      fileBytes: sizeOf(place.file),
      logBytes: sizeOf(`${place.file}-wal`),
      freeBytes: Math.round(pragma(database, "freelist_count") * pageBytes),
      isInUse: isLocked(place),
    };
  } catch (error) {
    throw toStoreError(`${place.file} cannot be read`, error);
  } finally {
    database.close();
  }
}

/**
 * Gives the pages that hold nothing back to the disk, in steps, also while a relay works on it.
 * @returns how many bytes. @throws StoreError
 */
export function compact(place: StorePlace, onProgress: OnProgress): number {
  needFile(place);
  check(place);
  needThisSchema(place);
  const before = sizeOf(place.file) + sizeOf(`${place.file}-wal`);
  const database = openToWrite(place, "full");
  try {
    const total = pragma(database, "freelist_count");
    for (let left = total; left > 0; ) {
      database.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
      const now = pragma(database, "freelist_count");
      onProgress(Math.max(0, total - now), total);
      if (now >= left) break;
      left = now;
    }
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    throw toStoreError(`${place.file} cannot be made smaller`, error);
  } finally {
    database.close();
  }
  return Math.max(0, before - sizeOf(place.file) - sizeOf(`${place.file}-wal`));
}

/**
 * Copies the store as it is at this moment into one file, also while a relay works on it.
 * @param target must not exist: no backup is overwritten. @throws StoreError
 */
export async function backup(place: StorePlace, target: string, onProgress: OnProgress): Promise<void> {
  needFile(place);
  check(place);
  if (existsSync(target)) throw new StoreError("store-failed", `${target} is there already: name a new file`);
  const unfinished = `${target}.unfinished`;
  const database = openReadOnly(place);
  try {
    rmSync(unfinished, { force: true });
    closeSync(openSync(unfinished, "wx", 0o600));
    // One moment: what is written from now on is not seen, and does not have the copying begin anew.
    database.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    await copyPages(database, unfinished, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
    });
    finish(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw toStoreError(`${target} cannot be written`, error);
  } finally {
    database.close();
  }
}

/**
 * Puts a backup in the place of the store. What was there is kept beside it. Not while a relay has it.
 * @returns where what was there is now; undefined: nothing was. @throws StoreError
 */
export async function restore(
  place: StorePlace,
  { source, stamp }: { readonly source: string /** For the name of what was there. */; readonly stamp: string },
  onProgress: OnProgress,
): Promise<string | undefined> {
  if (!existsSync(source)) throw new StoreError("store-failed", `there is no ${source}`);
  check({ file: source });
  await prepareDirectory(place);
  const holder = lock(place);
  const unfinished = `${place.file}.unfinished`;
  try {
    await copyChecked(source, unfinished, onProgress);
    const kept = setAside(place.file, `${place.file}.before-restore-${stamp}`);
    finish(unfinished, place.file);
    return kept;
  } catch (error) {
    throw toStoreError(`${source} cannot be restored`, error);
  } finally {
    for (const besides of ["", ...BESIDES]) rmSync(`${unfinished}${besides}`, { force: true });
    holder.close();
  }
}

async function copyChecked(source: string, target: string, onProgress: OnProgress): Promise<void> {
  const database = openReadOnly({ file: source });
  try {
    checkSchema(source, database);
    rmSync(target, { force: true });
    closeSync(openSync(target, "wx", 0o600));
    await copyPages(database, target, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) => onProgress(totalPages - remainingPages, totalPages),
    });
  } finally {
    database.close();
  }
}

/** A log is never left beside a file that is not its own: SQLite would take it for that one's. */
function setAside(file: string, kept: string): string | undefined {
  if (!existsSync(file)) return undefined;
  writeBackLog(file);
  for (const besides of BESIDES)
    if (existsSync(`${file}${besides}`)) renameSync(`${file}${besides}`, `${kept}${besides}`);
  renameSync(file, kept);
  return kept;
}

function writeBackLog(file: string): void {
  try {
    new DatabaseSync(file).close();
  } catch {
    // It is damaged, and goes aside with its log.
  }
}

/** Under its own name only when the disk has all of it. */
function finish(unfinished: string, target: string): void {
  sync(unfinished);
  renameSync(unfinished, target);
  sync(dirname(resolve(target)));
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function checkSchema(file: string, database: DatabaseSync): void {
  const version = pragma(database, "user_version");
  if (pragma(database, "application_id") !== APPLICATION_ID)
    throw new StoreError("store-corrupt", `${basename(file)} is no mailbox store`);
  if (version > MIGRATIONS.length)
    throw new StoreError("store-newer", `${file} has schema ${version}: a later version has written it`);
}

/** A relay that runs may be of an earlier version: its file is not changed behind its back. */
function needThisSchema(place: StorePlace): void {
  const database = openReadOnly(place);
  try {
    checkSchema(place.file, database);
    if (pragma(database, "user_version") === MIGRATIONS.length) return;
    throw new StoreError("store-failed", `${place.file} has an earlier schema: start a relay of this version once`);
  } finally {
    database.close();
  }
}

function needFile({ file, directory }: StorePlace): void {
  if (!existsSync(file))
    throw new StoreError("store-failed", `there is no store in ${directory}: ${join(file)} is missing`);
}

function isLocked(place: StorePlace): boolean {
  try {
    lock(place).close();
    return false;
  } catch {
    return true;
  }
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}
