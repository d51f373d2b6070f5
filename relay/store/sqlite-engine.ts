import type { DatabaseSync } from "node:sqlite";
import { fits, messageBytes, recordBytes } from "./checks.ts";
import type {
  Deposit,
  DepositOutcome,
  Expired,
  Put,
  PutOutcome,
  Quota,
  ReadRequest,
  StoredMessage,
  StoredRecord,
  StoreEngine,
  StoreLimits,
  StoreTotals,
} from "./ports.ts";
import { type Box, type Growth, SqliteBoxes } from "./sqlite-boxes.ts";
import { bytesIn, numberIn, textIn } from "./sqlite-rows.ts";
import { SqliteStatements } from "./sqlite-statements.ts";

const NOTHING: Growth = { count: 0, bytes: 0 };
/** Node 22 binds no bytes as NULL, where their memory came from another thread. */
const BYTES = "ifnull(?, x'')";
/** The index of ids finds one that is there already. */
const INSERT = `INSERT INTO messages (mailbox, id, rank, collapse_key, note, bytes, deposited_at_ms, expires_at_ms, data)
   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ${BYTES}) ON CONFLICT (mailbox, id) DO NOTHING`;
const READ = `SELECT sequence, id, rank, note, bytes, deposited_at_ms, expires_at_ms, data FROM messages
   WHERE mailbox = ? AND (rank, sequence) > (?, ?) AND expires_at_ms > ? ORDER BY rank, sequence LIMIT ?`;
const PUT = `INSERT OR REPLACE INTO records (space, name, owner, bytes, expires_at_ms, data) VALUES (?, ?, ?, ?, ?, ${BYTES})`;

/** Messages and records in an SQLite database. Its owner begins and ends the transactions, and calls `finish` before a commit. */
export class SqliteEngine implements StoreEngine {
  readonly #limits: StoreLimits;
  readonly #sql: SqliteStatements;
  readonly #boxes: SqliteBoxes;
  readonly #spaces = new Map<string, Growth>();
  #totals: Omit<StoreTotals, "oldestAtMs" | "recordCounts">;

  /** @param database with the schema of this version. */
  constructor(database: DatabaseSync, limits: StoreLimits) {
    this.#sql = new SqliteStatements(database);
    this.#boxes = new SqliteBoxes(this.#sql);
    this.#limits = limits;
    this.#totals = this.#count();
  }

  get totals(): StoreTotals {
    const oldest = this.#sql.get("SELECT deposited_at_ms FROM messages ORDER BY sequence LIMIT 1");
    return {
      ...this.#totals,
      oldestAtMs: oldest && numberIn(oldest, "deposited_at_ms"),
      recordCounts: Object.fromEntries([...this.#spaces].map(([name, { count }]) => [name, count])),
    };
  }

  /** A transaction was taken back: counts again what is there. */
  recount(): void {
    this.#boxes.forget();
    this.#totals = this.#count();
  }

  /** Writes what is still to be written of this transaction. */
  finish(): void {
    const emptyCount = this.#boxes.write();
    if (emptyCount > 0) this.#totals = { ...this.#totals, mailboxCount: this.#totals.mailboxCount - emptyCount };
  }

  deposit(deposit: Deposit): DepositOutcome {
    const { mailbox, id, rank, collapseKey = null, note, depositedAtMs, expiresAtMs, data, quota } = deposit;
    const box = this.#boxes.find(mailbox);
    const replaced = box && this.#collapsed(box, deposit.collapseKey);
    const bytes = messageBytes(deposit);
    const growth = { count: replaced === undefined ? 1 : 0, bytes: bytes - (replaced?.bytes ?? 0) };
    const refusal = this.#refusalOf(growth, box, quota);
    if (box !== undefined && (refusal !== undefined || replaced !== undefined)) {
      const known = this.#known(box, id);
      if (known !== undefined) return { outcome: "known", sequence: numberIn(known, "sequence") };
    }
    if (refusal !== undefined) return { outcome: refusal };
    const into = box ?? this.#makeBox(mailbox);
    if (replaced !== undefined) this.#sql.run("DELETE FROM messages WHERE sequence = ?", replaced.sequence);
    const { changes, lastInsertRowid } = this.#sql.run(
      INSERT,
      into.key,
      id,
      rank,
      collapseKey,
      note,
      bytes,
      depositedAtMs,
      expiresAtMs,
      data,
    );
    if (changes === 0) return { outcome: "known", sequence: numberIn(this.#known(into, id), "sequence") };
    this.#grow(into, growth);
    return { outcome: "stored", sequence: Number(lastInsertRowid) };
  }

  read({ mailbox, after, nowMs, maxCount, maxBytes }: ReadRequest): readonly StoredMessage[] {
    const box = this.#boxes.find(mailbox);
    if (box === undefined) return [];
    const rows = this.#sql.iterate(READ, box.key, after.rank, after.sequence, nowMs, maxCount);
    const read: StoredMessage[] = [];
    let bytes = 0;
    for (const row of rows) {
      bytes += numberIn(row, "bytes");
      if (read.length > 0 && bytes > maxBytes) break;
      read.push({
        sequence: numberIn(row, "sequence"),
        id: textIn(row, "id"),
        rank: numberIn(row, "rank"),
        note: textIn(row, "note"),
        depositedAtMs: numberIn(row, "deposited_at_ms"),
        expiresAtMs: numberIn(row, "expires_at_ms"),
        data: bytesIn(row, "data"),
      });
    }
    return read;
  }

  remove(which: { readonly mailbox: string } & ({ readonly id: string } | { readonly sequence: number })): boolean {
    const box = this.#boxes.find(which.mailbox);
    if (box === undefined) return false;
    const removed =
      "id" in which
        ? this.#sql.get("DELETE FROM messages WHERE mailbox = ? AND id = ? RETURNING bytes", box.key, which.id)
        : this.#sql.get(
            "DELETE FROM messages WHERE mailbox = ? AND sequence = ? RETURNING bytes",
            box.key,
            which.sequence,
          );
    if (removed === undefined) return false;
    this.#grow(box, { count: -1, bytes: -numberIn(removed, "bytes") });
    return true;
  }

  clear({ mailbox, maxCount }: { readonly mailbox: string; readonly maxCount: number }): number {
    const box = this.#boxes.find(mailbox);
    if (box === undefined) return 0;
    const removed = this.#sql.all(
      `DELETE FROM messages WHERE sequence IN
       (SELECT sequence FROM messages WHERE mailbox = ? ORDER BY rank, sequence LIMIT ?) RETURNING bytes`,
      box.key,
      maxCount,
    );
    const bytes = removed.reduce((sum, row) => sum + numberIn(row, "bytes"), 0);
    this.#grow(box, { count: -removed.length, bytes: -bytes });
    return removed.length;
  }

  sizeOf({ mailbox }: { readonly mailbox: string }): Growth {
    const { count, bytes } = this.#boxes.find(mailbox) ?? NOTHING;
    return { count, bytes };
  }

  put(put: Put): PutOutcome {
    const { space, name, owner, data, expiresAtMs } = put;
    const before = this.#sql.get(
      "SELECT owner, bytes, expires_at_ms FROM records WHERE space = ? AND name = ?",
      space,
      name,
    );
    if (before !== undefined && textIn(before, "owner") !== owner && numberIn(before, "expires_at_ms") > put.nowMs)
      return "taken";
    const bytes = recordBytes(put);
    const growth = {
      count: before === undefined ? 1 : 0,
      bytes: bytes - (before === undefined ? 0 : numberIn(before, "bytes")),
    };
    const size = this.#sizeOfSpace(space);
    if (!fits(put.quota, size.count + growth.count, size.bytes + growth.bytes)) return "space-full";
    if (!this.#hasRoomFor({ count: 0, bytes: growth.bytes })) return "store-full";
    this.#sql.run(PUT, space, name, owner, bytes, expiresAtMs, data);
    this.#growSpace(space, growth);
    return "stored";
  }

  find({
    space,
    names,
    nowMs,
  }: {
    readonly space: string;
    readonly names: readonly string[];
    readonly nowMs: number;
  }): readonly StoredRecord[] {
    const sql = "SELECT owner, data, expires_at_ms FROM records WHERE space = ? AND name = ? AND expires_at_ms > ?";
    return [...new Set(names)].flatMap((name) => {
      const row = this.#sql.get(sql, space, name, nowMs);
      if (row === undefined) return [];
      const [owner, expiresAtMs] = [textIn(row, "owner"), numberIn(row, "expires_at_ms")];
      return [{ space, name, owner, expiresAtMs, data: bytesIn(row, "data") }];
    });
  }

  drop({ space, name, owner }: { readonly space: string; readonly name: string; readonly owner: string }): boolean {
    const sql = "DELETE FROM records WHERE space = ? AND name = ? AND owner = ? RETURNING bytes";
    const removed = this.#sql.get(sql, space, name, owner);
    if (removed !== undefined) this.#growSpace(space, { count: -1, bytes: -numberIn(removed, "bytes") });
    return removed !== undefined;
  }

  expire({ nowMs, maxCount }: { readonly nowMs: number; readonly maxCount: number }): Expired {
    const messages = this.#sql.all(
      `DELETE FROM messages WHERE sequence IN (SELECT sequence FROM messages WHERE expires_at_ms <= ? LIMIT ?)
       RETURNING mailbox, bytes`,
      nowMs,
      maxCount,
    );
    const losses = new Map<number, Growth>();
    for (const row of messages) {
      const { count, bytes } = losses.get(numberIn(row, "mailbox")) ?? NOTHING;
      losses.set(numberIn(row, "mailbox"), { count: count - 1, bytes: bytes - numberIn(row, "bytes") });
    }
    for (const [key, loss] of losses) this.#grow(this.#boxes.byKey(key), loss);
    const records = this.#sql.all(
      `DELETE FROM records WHERE (space, name) IN (SELECT space, name FROM records WHERE expires_at_ms <= ? LIMIT ?)
       RETURNING space, bytes`,
      nowMs,
      maxCount - messages.length,
    );
    for (const row of records) this.#growSpace(textIn(row, "space"), { count: -1, bytes: -numberIn(row, "bytes") });
    return { messageCount: messages.length, recordCount: records.length };
  }

  #makeBox(name: string): Box {
    this.#totals = { ...this.#totals, mailboxCount: this.#totals.mailboxCount + 1 };
    return this.#boxes.make(name);
  }

  #known({ key }: Box, id: string): ReturnType<SqliteStatements["get"]> {
    return this.#sql.get("SELECT sequence FROM messages WHERE mailbox = ? AND id = ?", key, id);
  }

  #refusalOf(growth: Growth, box: Box | undefined, quota: Quota): "mailbox-full" | "store-full" | undefined {
    const { count, bytes } = box ?? NOTHING;
    if (!fits(quota, count + growth.count, bytes + growth.bytes)) return "mailbox-full";
    return this.#hasRoomFor(growth) ? undefined : "store-full";
  }

  #collapsed(
    box: Box,
    collapseKey: string | undefined,
  ): { readonly sequence: number; readonly bytes: number } | undefined {
    if (collapseKey === undefined) return undefined;
    const sql = "SELECT sequence, bytes FROM messages WHERE mailbox = ? AND collapse_key = ?";
    const row = this.#sql.get(sql, box.key, collapseKey);
    return row && { sequence: numberIn(row, "sequence"), bytes: numberIn(row, "bytes") };
  }

  #hasRoomFor(growth: Growth): boolean {
    const { messageCount, messageBytes: bytes, recordBytes: besides } = this.#totals;
    const quota = { maxCount: this.#limits.maxMessages, maxBytes: this.#limits.maxBytes };
    return fits(quota, messageCount + growth.count, bytes + besides + growth.bytes);
  }

  #grow(box: Box, growth: Growth): void {
    this.#boxes.grow(box, growth);
    const { messageCount, messageBytes: total } = this.#totals;
    this.#totals = {
      ...this.#totals,
      messageCount: messageCount + growth.count,
      messageBytes: total + growth.bytes,
    };
  }

  #sizeOfSpace(space: string): Growth {
    return this.#spaces.get(space) ?? NOTHING;
  }

  #growSpace(space: string, { count, bytes }: Growth): void {
    const before = this.#sizeOfSpace(space);
    this.#spaces.set(space, { count: before.count + count, bytes: before.bytes + bytes });
    this.#totals = { ...this.#totals, recordBytes: this.#totals.recordBytes + bytes };
  }

  #count(): Omit<StoreTotals, "oldestAtMs" | "recordCounts"> {
    const messages = this.#sql.get(
      `SELECT count(*) AS boxes, ifnull(sum(message_count), 0) AS count, ifnull(sum(message_bytes), 0) AS bytes
       FROM mailboxes`,
    );
    this.#spaces.clear();
    for (const row of this.#sql.all("SELECT space, count(*) AS count, sum(bytes) AS bytes FROM records GROUP BY space"))
      this.#spaces.set(textIn(row, "space"), { count: numberIn(row, "count"), bytes: numberIn(row, "bytes") });
    return {
      mailboxCount: numberIn(messages, "boxes"),
      messageCount: numberIn(messages, "count"),
      messageBytes: numberIn(messages, "bytes"),
      recordBytes: [...this.#spaces.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }
}
