import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import type { Deposit, Put } from "../../store/ports.ts";
import { idOf } from "./envelope.ts";
import { NOISE_KEY_RECORD } from "./kept-noise-key.ts";
import { blobsOf, devicesOf } from "./mailbox-parts.ts";
import { writeNote } from "./note.ts";

const NO_QUOTA = { maxCount: 0, maxBytes: 0 };
const SECOND_MS = 1000;
const NOISE_KEY_BYTES = 32;
/** Nobody's: who left a proof, the original does not know. */
const OWNER_OF_PROOFS = "taken-over";

type Row = Readonly<Record<string, SQLOutputValue>>;

/** What is taken over: something to deposit, or a record; undefined: a row that cannot be used. */
export type TakenOver = { readonly deposit: Deposit } | { readonly record: Put } | undefined;

/** How long what is taken over is kept, and what the time is. */
export type TakeOverOptions = { readonly ttlMs: number; readonly nowMs: number };

/**
 * Reads the data directory of Vauchi's relay: `blobs.db`, `device_sync.db`, `recovery_proofs.db` and `relay_noise_key.bin`, as far as they are there.
 * Nothing in it is changed. What has expired is left out.
 */
export function* readVauchiData(directory: string, options: TakeOverOptions): Generator<TakenOver> {
  yield* rowsOf(join(directory, "blobs.db"), "blobs", (row) => blobOf(row, options), options);
  yield* rowsOf(join(directory, "device_sync.db"), "device_sync_messages", (row) => syncOf(row, options), options);
  yield* rowsOf(join(directory, "recovery_proofs.db"), "recovery_proofs", (row) => proofOf(row, options), options);
  const keyFile = join(directory, "relay_noise_key.bin");
  if (!existsSync(keyFile)) return;
  const data = Uint8Array.from(readFileSync(keyFile).subarray(0, NOISE_KEY_BYTES));
  const record = {
    ...NOISE_KEY_RECORD,
    data,
    nowMs: options.nowMs,
    expiresAtMs: Number.MAX_SAFE_INTEGER,
    quota: NO_QUOTA,
  };
  yield data.length === NOISE_KEY_BYTES ? { record } : undefined;
}

/** Whether a directory holds what that reads. */
export function isVauchiData(directory: string): boolean {
  return existsSync(join(directory, "blobs.db"));
}

function* rowsOf(
  file: string,
  table: "blobs" | "device_sync_messages" | "recovery_proofs",
  read: (row: Row) => TakenOver,
  { nowMs }: TakeOverOptions,
): Generator<TakenOver> {
  if (!existsSync(file)) return;
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    for (const row of database.prepare(`SELECT * FROM ${table} ORDER BY created_at_secs, rowid`).iterate()) {
      const taken = read(row);
      const expiresAtMs = taken === undefined ? Number.MAX_SAFE_INTEGER : expiryOf(taken);
      if (expiresAtMs > nowMs) yield taken;
    }
  } finally {
    database.close();
  }
}

function expiryOf(taken: Exclude<TakenOver, undefined>): number {
  return "deposit" in taken ? taken.deposit.expiresAtMs : taken.record.expiresAtMs;
}

function blobOf(row: Row, options: TakeOverOptions): TakenOver {
  const recipient = idOf(row["recipient_id"]);
  return recipient === undefined
    ? undefined
    : depositOf(row, { mailbox: blobsOf(recipient), data: row["data"], options });
}

function syncOf(row: Row, options: TakeOverOptions): TakenOver {
  const [identity, targetDeviceId] = [idOf(row["identity_id"]), idOf(row["target_device_id"])];
  const senderDeviceId = idOf(row["sender_device_id"]);
  const { version } = row;
  if (identity === undefined || targetDeviceId === undefined || typeof version !== "number") return undefined;
  const note = writeNote({ targetDeviceId, senderDeviceId });
  return depositOf(row, { mailbox: devicesOf(identity), data: row["encrypted_payload"], note, rank: version, options });
}

function depositOf(
  { id, created_at_secs: seconds }: Row,
  {
    data,
    options,
    note = writeNote({}),
    rank = 0,
    mailbox,
  }: {
    readonly mailbox: string;
    readonly data: SQLOutputValue | undefined;
    readonly note?: string;
    readonly rank?: number;
    readonly options: TakeOverOptions;
  },
): TakenOver {
  if (typeof id !== "string" || id === "" || typeof seconds !== "number" || !(data instanceof Uint8Array))
    return undefined;
  const depositedAtMs = seconds * SECOND_MS;
  const expiresAtMs = depositedAtMs + options.ttlMs;
  const common = { mailbox, id, note, rank, collapseKey: undefined, depositedAtMs, expiresAtMs, quota: NO_QUOTA };
  return { deposit: { ...common, data: Uint8Array.from(data) } };
}

function proofOf(row: Row, { nowMs }: TakeOverOptions): TakenOver {
  const { key_hash: hash, proof_data: data, expires_at_secs: seconds } = row;
  if (!(hash instanceof Uint8Array) || !(data instanceof Uint8Array) || typeof seconds !== "number") return undefined;
  const name = idOf(Buffer.from(hash).toString("hex"));
  if (name === undefined) return undefined;
  const common = { space: "proofs", name, owner: OWNER_OF_PROOFS, nowMs, quota: NO_QUOTA };
  return { record: { ...common, data: Uint8Array.from(data), expiresAtMs: seconds * SECOND_MS } };
}
