import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { fits, messageBytes, recordBytes } from "./checks.ts";
import type {
  Deposit,
  DepositOutcome,
  Expired,
  Put,
  PutOutcome,
  ReadRequest,
  StoredMessage,
  StoredRecord,
  StoreEngine,
  StoreLimits,
  StoreTotals,
} from "./ports.ts";
import { bytesIn, numberIn, textIn } from "./sqlite-rows.ts";

type Box = { readonly key: number; readonly count: number; readonly bytes: number };
type Growth = { readonly count: number; readonly bytes: number };

/** Node 22 binds no bytes as NULL, where their memory came from another thread. */
const BYTES = "ifnull(?, x'')";
const MESSAGE = "sequence, id, rank, note, bytes, deposited_at_ms, expires_at_ms";

/** Messages and records in an SQLite database. Its owner begins and ends the transactions. */
export class SqliteEngine implements StoreEngine {
  readonly #database: DatabaseSync;
  readonly #limits: StoreLimits;
  readonly #statements = new Map<string, StatementSync>();
  readonly #spaces = new Map<string, Growth>();
  #totals: Omit<StoreTotals, "oldestAtMs" | "recordCounts">;

  /** @param database with the schema of this version. */
  constructor(database: DatabaseSync, limits: StoreLimits) {
    this.#database = database;
    this.#limits = limits;
    this.#totals = this.#count();
  }

  get totals(): StoreTotals {
    const oldest = this.#get("SELECT deposited_at_ms FROM messages ORDER BY sequence LIMIT 1");
    return {
      ...this.#totals,
      oldestAtMs: oldest && numberIn(oldest, "deposited_at_ms"),
      recordCounts: Object.fromEntries([...this.#spaces].map(([name, { count }]) => [name, count])),
    };
  }

  /** A transaction was taken back: counts again what is there. */
  recount(): void {
    this.#totals = this.#count();
  }

  deposit(deposit: Deposit): DepositOutcome {
    const box = this.#box(deposit.mailbox);
    const known = box && this.#get("SELECT sequence FROM messages WHERE mailbox = ? AND id = ?", box.key, deposit.id);
    if (known !== undefined) return { outcome: "known", sequence: numberIn(known, "sequence") };
    const replaced = box && this.#collapsed(box, deposit.collapseKey);
    const bytes = messageBytes(deposit);
    const growth = { count: replaced === undefined ? 1 : 0, bytes: bytes - (replaced?.bytes ?? 0) };
    if (!fits(deposit.quota, (box?.count ?? 0) + growth.count, (box?.bytes ?? 0) + growth.bytes))
      return { outcome: "mailbox-full" };
    if (!this.#hasRoomFor(growth)) return { outcome: "store-full" };
    const key = box?.key ?? this.#makeBox(deposit.mailbox);
    if (replaced !== undefined) this.#run("DELETE FROM messages WHERE sequence = ?", replaced.sequence);
    const { id, rank, collapseKey = null, note, depositedAtMs, expiresAtMs, data } = deposit;
    const { lastInsertRowid } = this.#statement(
      `INSERT INTO messages (mailbox, id, rank, collapse_key, note, bytes, deposited_at_ms, expires_at_ms, data)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ${BYTES})`,
    ).run(key, id, rank, collapseKey, note, bytes, depositedAtMs, expiresAtMs, data);
    this.#grow(key, growth);
    return { outcome: "stored", sequence: Number(lastInsertRowid) };
  }

  read({ mailbox, after, nowMs, maxCount, maxBytes }: ReadRequest): readonly StoredMessage[] {
    const box = this.#box(mailbox);
    if (box === undefined) return [];
    const rows = this.#statement(
      `SELECT ${MESSAGE}, data FROM messages
       WHERE mailbox = ? AND (rank, sequence) > (?, ?) AND expires_at_ms > ? ORDER BY rank, sequence LIMIT ?`,
    ).iterate(box.key, after.rank, after.sequence, nowMs, maxCount);
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
    const box = this.#box(which.mailbox);
    if (box === undefined) return false;
    const removed =
      "id" in which
        ? this.#get("DELETE FROM messages WHERE mailbox = ? AND id = ? RETURNING bytes", box.key, which.id)
        : this.#get("DELETE FROM messages WHERE mailbox = ? AND sequence = ? RETURNING bytes", box.key, which.sequence);
    if (removed === undefined) return false;
    this.#grow(box.key, { count: -1, bytes: -numberIn(removed, "bytes") });
    return true;
  }

  clear({ mailbox, maxCount }: { readonly mailbox: string; readonly maxCount: number }): number {
    const box = this.#box(mailbox);
    if (box === undefined) return 0;
    const removed = this.#all(
      `DELETE FROM messages WHERE sequence IN
       (SELECT sequence FROM messages WHERE mailbox = ? ORDER BY rank, sequence LIMIT ?) RETURNING bytes`,
      box.key,
      maxCount,
    );
    const bytes = removed.reduce((sum, row) => sum + numberIn(row, "bytes"), 0);
    this.#grow(box.key, { count: -removed.length, bytes: -bytes });
    return removed.length;
  }

  sizeOf({ mailbox }: { readonly mailbox: string }): Growth {
    const { count, bytes } = this.#box(mailbox) ?? { count: 0, bytes: 0 };
    return { count, bytes };
  }

  put(put: Put): PutOutcome {
    const { space, name, owner, data, expiresAtMs } = put;
    const before = this.#get(
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
    this.#run(
      `INSERT OR REPLACE INTO records (space, name, owner, bytes, expires_at_ms, data) VALUES (?, ?, ?, ?, ?, ${BYTES})`,
      space,
      name,
      owner,
      bytes,
      expiresAtMs,
      data,
    );
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
      const row = this.#get(sql, space, name, nowMs);
      if (row === undefined) return [];
      const [owner, expiresAtMs] = [textIn(row, "owner"), numberIn(row, "expires_at_ms")];
      return [{ space, name, owner, expiresAtMs, data: bytesIn(row, "data") }];
    });
  }

  drop({ space, name, owner }: { readonly space: string; readonly name: string; readonly owner: string }): boolean {
    const sql = "DELETE FROM records WHERE space = ? AND name = ? AND owner = ? RETURNING bytes";
    const removed = this.#get(sql, space, name, owner);
    if (removed !== undefined) this.#growSpace(space, { count: -1, bytes: -numberIn(removed, "bytes") });
    return removed !== undefined;
  }

  expire({ nowMs, maxCount }: { readonly nowMs: number; readonly maxCount: number }): Expired {
    const messages = this.#all(
      `DELETE FROM messages WHERE sequence IN (SELECT sequence FROM messages WHERE expires_at_ms <= ? LIMIT ?)
       RETURNING mailbox, bytes`,
      nowMs,
      maxCount,
    );
    const losses = new Map<number, Growth>();
    for (const row of messages) {
      const { count, bytes } = losses.get(numberIn(row, "mailbox")) ?? { count: 0, bytes: 0 };
      losses.set(numberIn(row, "mailbox"), { count: count - 1, bytes: bytes - numberIn(row, "bytes") });
    }
    for (const [key, loss] of losses) this.#grow(key, loss);
    const records = this.#all(
      `DELETE FROM records WHERE (space, name) IN (SELECT space, name FROM records WHERE expires_at_ms <= ? LIMIT ?)
       RETURNING space, bytes`,
      nowMs,
      maxCount - messages.length,
    );
    for (const row of records) this.#growSpace(textIn(row, "space"), { count: -1, bytes: -numberIn(row, "bytes") });
    return { messageCount: messages.length, recordCount: records.length };
  }

  #box(name: string): Box | undefined {
    const row = this.#get("SELECT key, message_count, message_bytes FROM mailboxes WHERE name = ?", name);
    if (row === undefined) return undefined;
    return {
      key: numberIn(row, "key"),
      count: numberIn(row, "message_count"),
      bytes: numberIn(row, "message_bytes"),
    };
  }

  #makeBox(name: string): number {
    const sql = "INSERT INTO mailboxes (name, message_count, message_bytes) VALUES (?, 0, 0)";
    const key = Number(this.#statement(sql).run(name).lastInsertRowid);
    this.#totals = { ...this.#totals, mailboxCount: this.#totals.mailboxCount + 1 };
    return key;
  }

  #collapsed(
    box: Box,
    collapseKey: string | undefined,
  ): { readonly sequence: number; readonly bytes: number } | undefined {
    if (collapseKey === undefined) return undefined;
    const sql = "SELECT sequence, bytes FROM messages WHERE mailbox = ? AND collapse_key = ?";
    const row = this.#get(sql, box.key, collapseKey);
    return row && { sequence: numberIn(row, "sequence"), bytes: numberIn(row, "bytes") };
  }

  #hasRoomFor(growth: Growth): boolean {
    const { messageCount, messageBytes: bytes, recordBytes: besides } = this.#totals;
    const quota = { maxCount: this.#limits.maxMessages, maxBytes: this.#limits.maxBytes };
    return fits(quota, messageCount + growth.count, bytes + besides + growth.bytes);
  }

  /** A mailbox that holds nothing is no more. */
  #grow(key: number, { count, bytes }: Growth): void {
    const sql = `UPDATE mailboxes SET message_count = message_count + ?, message_bytes = message_bytes + ?
       WHERE key = ? RETURNING message_count`;
    const isEmpty = numberIn(this.#get(sql, count, bytes, key), "message_count") === 0;
    if (isEmpty) this.#run("DELETE FROM mailboxes WHERE key = ?", key);
    const { mailboxCount, messageCount, messageBytes: total } = this.#totals;
    this.#totals = {
      ...this.#totals,
      mailboxCount: mailboxCount - (isEmpty ? 1 : 0),
      messageCount: messageCount + count,
      messageBytes: total + bytes,
    };
  }

  #sizeOfSpace(space: string): Growth {
    return this.#spaces.get(space) ?? { count: 0, bytes: 0 };
  }

  #growSpace(space: string, { count, bytes }: Growth): void {
    const before = this.#sizeOfSpace(space);
    this.#spaces.set(space, { count: before.count + count, bytes: before.bytes + bytes });
    this.#totals = { ...this.#totals, recordBytes: this.#totals.recordBytes + bytes };
  }

  #count(): Omit<StoreTotals, "oldestAtMs" | "recordCounts"> {
    const messages = this.#get(
      `SELECT count(*) AS boxes, ifnull(sum(message_count), 0) AS count, ifnull(sum(message_bytes), 0) AS bytes
       FROM mailboxes`,
    );
    this.#spaces.clear();
    for (const row of this.#all("SELECT space, count(*) AS count, sum(bytes) AS bytes FROM records GROUP BY space"))
      this.#spaces.set(textIn(row, "space"), { count: numberIn(row, "count"), bytes: numberIn(row, "bytes") });
    return {
      mailboxCount: numberIn(messages, "boxes"),
      messageCount: numberIn(messages, "count"),
      messageBytes: numberIn(messages, "bytes"),
      recordBytes: [...this.#spaces.values()].reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** Compiled once. */
  #statement(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #get(sql: string, ...values: readonly SQLInputValue[]): ReturnType<StatementSync["get"]> {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): ReturnType<StatementSync["all"]> {
    return this.#statement(sql).all(...values);
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#statement(sql).run(...values);
  }
}
