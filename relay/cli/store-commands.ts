import { systemClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import { isVauchiData, readVauchiData, type TakenOver } from "../dialects/mailbox/vauchi-data.ts";
import { RelayError } from "../relay-error.ts";
import { mailboxDirectoryOf } from "../store/create-store.ts";
import type { MailboxStore } from "../store/ports.ts";
import { toStoreError } from "../store/sqlite-errors.ts";
import { placeOf, type StorePlace } from "../store/sqlite-file.ts";
import { SqliteStore } from "../store/sqlite-store.ts";
import { backup, compact, type OnProgress, readStatus, restore, type StoreStatus } from "../store/sqlite-upkeep.ts";
import { StoreError } from "../store/store-error.ts";
import { moment, type OutputOptions } from "./cert-status.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

const MEBIBYTE = 1_048_576;
/** What is taken over at a time. */
const IMPORT_BATCH = 256;
/** Between two lines about how far it is, in hundredths. */
const PROGRESS_STEP = 5;

/** Tells what waits, and how much room it takes. @throws RelayError MAILBOX_STORE_FAILED, as all of these. */
export function storeStatus(
  { config }: LoadedConfig,
  terminal: Terminal,
  { json = false }: OutputOptions,
): Promise<ExitCode> {
  return withStore(config, (place) => {
    const status = readStatus(place);
    const nowMs = (terminal.clock ?? systemClock).epochMs();
    terminal.stdout.write(json ? `${JSON.stringify(statusAsJson(status, nowMs))}\n` : statusAsText(status, nowMs));
  });
}

/** Gives room that is not used back to the disk. */
export function storeCompact({ config }: LoadedConfig, terminal: Terminal): Promise<ExitCode> {
  return withStore(config, (place) => {
    const bytes = compact(place, progressOf(terminal));
    terminal.stdout.write(`${mebibytes(bytes)} given back to the disk\n`);
  });
}

/** Copies the store into a file, also while a relay has it. */
export function storeBackup({ config }: LoadedConfig, terminal: Terminal, file: string): Promise<ExitCode> {
  return withStore(config, async (place) => {
    const onProgress = progressOf(terminal);
    await backup(place, file, onProgress);
    onProgress(1, 1);
    terminal.stdout.write(`backup in ${file}\n`);
  });
}

/** Puts such a file in the place of the store. */
export function storeRestore({ config }: LoadedConfig, terminal: Terminal, file: string): Promise<ExitCode> {
  return withStore(config, async (place) => {
    const stamp = new Date((terminal.clock ?? systemClock).epochMs()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const onProgress = progressOf(terminal);
    const kept = await restore(place, { source: file, stamp }, onProgress);
    onProgress(1, 1);
    terminal.stdout.write(`restored into ${place.file}\n`);
    if (kept !== undefined) terminal.stdout.write(`what was there is ${kept}\n`);
  });
}

/** Takes over the data directory of Vauchi's relay; nothing in it is changed, and what is there already is not doubled. */
export function storeImport({ config }: LoadedConfig, terminal: Terminal, directory: string): Promise<ExitCode> {
  const clock = terminal.clock ?? systemClock;
  return withStore(config, async (place) => {
    if (!isVauchiData(directory)) throw new StoreError("store-failed", `${directory} has no blobs.db`);
    const limits = { maxMessages: 0, maxBytes: 0 };
    const store = new SqliteStore({ directory: place.directory, synchronous: "full", limits }, clock);
    await store.open();
    try {
      const options = { ttlMs: config.mailboxTtlMs, nowMs: clock.epochMs() };
      const counts = await takeOver(store, readVauchiData(directory, options), terminal);
      terminal.stdout.write(
        `${counts.stored} taken over, ${counts.known} were there already, ${counts.unusable} could not be used\n`,
      );
    } catch (error) {
      throw toStoreError(`${directory} cannot be read`, error);
    } finally {
      await store.close();
    }
  });
}

type Taken = { stored: number; known: number; unusable: number };

/** Many at a time, so that they are committed together. */
async function takeOver(store: MailboxStore, all: Iterable<TakenOver>, { stderr }: Terminal): Promise<Taken> {
  const counts: Taken = { stored: 0, known: 0, unusable: 0 };
  let underWay: Promise<keyof Taken>[] = [];
  const settle = async (): Promise<void> => {
    for (const outcome of await Promise.all(underWay)) counts[outcome] += 1;
    underWay = [];
    stderr.write(`${counts.stored + counts.known + counts.unusable} read\n`);
  };
  for (const one of all) {
    underWay.push(take(store, one));
    if (underWay.length >= IMPORT_BATCH) await settle();
  }
  await settle();
  return counts;
}

async function take(store: MailboxStore, one: TakenOver): Promise<keyof Taken> {
  if (one === undefined) return "unusable";
  if ("deposit" in one) return (await store.deposit(one.deposit)).outcome === "known" ? "known" : "stored";
  // What this relay has of its own counts more.
  const { space, name, nowMs } = one.record;
  if ((await store.find({ space, names: [name], nowMs })).length > 0) return "known";
  await store.put(one.record);
  return "stored";
}

async function withStore(
  config: LoadedConfig["config"],
  command: (place: StorePlace) => void | Promise<void>,
): Promise<ExitCode> {
  try {
    await command(placeOf(mailboxDirectoryOf(config)));
    return ExitCode.success;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new RelayError("MAILBOX_STORE_FAILED", `${error.code}: ${error.message}`, { cause: error });
  }
}

function progressOf({ stderr }: Terminal): OnProgress {
  let told = 0;
  return (donePages, totalPages) => {
    const percent = totalPages === 0 ? 100 : Math.floor((100 * donePages) / totalPages);
    if (percent < told + PROGRESS_STEP && percent < 100) return;
    if (percent === told) return;
    told = percent;
    stderr.write(`${percent} %\n`);
  };
}

/** Times are seconds since the epoch; what there is none of is null. */
function statusAsJson(status: StoreStatus, nowMs: number): object {
  const { oldestAtMs } = status;
  return {
    file: status.file,
    schema_version: status.schemaVersion,
    is_in_use: status.isInUse,
    mailboxes: status.mailboxCount,
    messages: status.messageCount,
    message_bytes: status.messageBytes,
    records: status.recordCounts,
    record_bytes: status.recordBytes,
    oldest_at: oldestAtMs === undefined ? null : Math.floor(oldestAtMs / 1000),
    oldest_seconds: oldestAtMs === undefined ? null : Math.max(0, Math.floor((nowMs - oldestAtMs) / 1000)),
    file_bytes: status.fileBytes,
    log_bytes: status.logBytes,
    free_bytes: status.freeBytes,
  };
}

function statusAsText(status: StoreStatus, nowMs: number): string {
  const { messageCount, mailboxCount, oldestAtMs, recordCounts } = status;
  const recordCount = Object.values(recordCounts).reduce((sum, count) => sum + count, 0);
  const rows: readonly (readonly [string, string])[] = [
    ["file", status.file],
    ["schema", `${status.schemaVersion}, checked and well`],
    ["in use", status.isInUse ? "yes, by a relay or a command" : "no"],
    ["messages", `${messageCount} in ${mailboxCount} mailboxes, ${mebibytes(status.messageBytes)}`],
    ["oldest", oldestAtMs === undefined ? "none" : moment(oldestAtMs, nowMs)],
    ["records", `${recordCount}, ${mebibytes(status.recordBytes)}`],
    ["on the disk", `${mebibytes(status.fileBytes)} and ${mebibytes(status.logBytes)} of log`],
    ["free inside", `${mebibytes(status.freeBytes)}: used again, or given back by store compact`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(14)}${value}\n`).join("");
}

function mebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`;
}
