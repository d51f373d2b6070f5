import { numberIn, textIn } from "./sqlite-rows.ts";
import type { SqliteStatements } from "./sqlite-statements.ts";

/** How many messages, and their bytes as quotas count them. */
export type Growth = { readonly count: number; readonly bytes: number };

/** A mailbox in the file, with what it holds as of the transaction at hand. */
export type Box = Growth & { readonly key: number; readonly name: string };

type Known = { -readonly [Part in keyof Box]: Box[Part] };

/** Mailboxes that are remembered from one transaction to the next: a few hundred bytes each. */
const MAX_KNOWN = 10_000;

/**
 * The mailboxes of a store, which one process alone writes: those of late are not asked for again, and what became of one is
 * written once in a transaction, whatever was deposited there.
 */
export class SqliteBoxes {
  readonly #sql: SqliteStatements;
  readonly #known = new Map<string, Known>();
  readonly #changed = new Set<Known>();

  constructor(sql: SqliteStatements) {
    this.#sql = sql;
  }

  find(name: string): Box | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const row = this.#sql.get("SELECT key, message_count, message_bytes FROM mailboxes WHERE name = ?", name);
    if (row === undefined) return undefined;
    const [count, bytes] = [numberIn(row, "message_count"), numberIn(row, "message_bytes")];
    return this.#remember({ key: numberIn(row, "key"), name, count, bytes });
  }

  /** @throws TypeError where there is none: its messages would have been without one. */
  byKey(key: number): Box {
    const name = textIn(this.#sql.get("SELECT name FROM mailboxes WHERE key = ?", key), "name");
    const known = this.find(name);
    if (known === undefined) throw new TypeError("a mailbox without its row");
    return known;
  }

  /** Makes one that is not there. It lasts where something is in it at the end of the transaction. */
  make(name: string): Box {
    const sql = "INSERT INTO mailboxes (name, message_count, message_bytes) VALUES (?, 0, 0)";
    const box = this.#remember({ key: Number(this.#sql.run(sql, name).lastInsertRowid), name, count: 0, bytes: 0 });
    this.#changed.add(box);
    return box;
  }

  /** So much more is in it. @param box as `find` or `make` gave it in this transaction. */
  grow({ name }: Box, { count, bytes }: Growth): void {
    const known = this.#known.get(name);
    if (known === undefined) throw new TypeError("a mailbox of another transaction");
    known.count += count;
    known.bytes += bytes;
    this.#changed.add(known);
  }

  /** Writes what has changed. One that holds nothing is no more. @returns how many those are. */
  write(): number {
    let emptyCount = 0;
    for (const { key, name, count, bytes } of this.#changed) {
      if (count > 0) {
        this.#sql.run("UPDATE mailboxes SET message_count = ?, message_bytes = ? WHERE key = ?", count, bytes, key);
        continue;
      }
      this.#sql.run("DELETE FROM mailboxes WHERE key = ?", key);
      this.#known.delete(name);
      emptyCount += 1;
    }
    this.#changed.clear();
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    return emptyCount;
  }

  /** The transaction was taken back: what the file holds is asked anew. */
  forget(): void {
    this.#known.clear();
    this.#changed.clear();
  }

  #remember(box: Known): Known {
    this.#known.set(box.name, box);
    return box;
  }
}
