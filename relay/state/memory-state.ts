import type { Changes, StateStore } from "./ports.ts";

/** Keeps tables in memory: they end with the process. */
export class MemoryState implements StateStore {
  readonly description = "memory";
  readonly #tables: Map<string, Map<string, string>>;

  /** @param tables what an earlier one has kept; for tests. */
  constructor(tables: Map<string, Map<string, string>> = new Map<string, Map<string, string>>()) {
    this.#tables = tables;
  }

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  isLasting(): Promise<boolean> {
    return Promise.resolve(false);
  }

  load(table: string): Promise<ReadonlyMap<string, string>> {
    return Promise.resolve(new Map(this.#tables.get(table)));
  }

  save(table: string, changes: Changes): Promise<void> {
    const records = this.#tables.get(table) ?? new Map<string, string>();
    this.#tables.set(table, records);
    for (const [key, record] of changes) {
      if (record === undefined) records.delete(key);
      else records.set(key, record);
    }
    return Promise.resolve();
  }
}
