import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "../config/options.ts";
import { RelayError } from "../relay-error.ts";
import { DirectoryState } from "./directory-state.ts";
import { MemoryState } from "./memory-state.ts";
import { StateError, type StateStore } from "./ports.ts";
import { type RecordCodec, StateTable, type TableOptions } from "./state-table.ts";

/** What is kept of dialects over restarts: the tables that they have asked for, in the store that the options name. */
export class State {
  readonly #log: Logger;
  readonly #store: StateStore;
  readonly #tables: { readonly name: string; readonly size: number; load(): Promise<void> }[] = [];

  constructor({ log }: { readonly log: Logger }, store: StateStore) {
    this.#log = log;
    this.#store = store;
  }

  /** A table, empty until the start. To be asked for once, before it. */
  table<T>({ name, maxRecords }: TableOptions, codec: RecordCodec<T>): StateTable<T> {
    const onFailed = (error: unknown): void => {
      const { code, message } = error instanceof StateError ? error : { code: undefined, message: String(error) };
      this.#log.error({ table: name, code, reason: message }, "registrations not kept");
    };
    const table = new StateTable(this.#store, { name, maxRecords, onFailed }, codec);
    this.#tables.push(table);
    return table;
  }

  /**
   * Loads the tables, and says in the log where they are kept, and whether they outlive this process. Where nothing can be
   * written it goes on all the same: who is registered is known.
   * @throws RelayError STATE_UNUSABLE where what is kept cannot be read: to go on without it would open what is taken.
   */
  async start(): Promise<void> {
    if (this.#tables.length === 0) return;
    const { description: store } = this.#store;
    await this.#prepare();
    try {
      for (const table of this.#tables) await table.load();
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      const remedy = "Put back a copy of it, or move it away to begin anew; see docs/operations.md, Registrations.";
      throw new RelayError("STATE_UNUSABLE", `${error.message} (${error.code}). ${remedy}`, { cause: error });
    }
    const records = this.#tables.map(({ name, size }) => `${name}: ${size}`).join(", ");
    this.#log.info({ store, records }, "registrations loaded");
    if (!(await this.#store.isLasting())) {
      this.#log.warn({ store }, "registrations end with this container or machine: mount a volume there to keep them");
    }
  }

  async #prepare(): Promise<void> {
    try {
      await this.#store.prepare();
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      const { code, message } = error;
      this.#log.warn({ code, reason: message }, "registrations cannot be kept: new ones are refused");
    }
  }
}

/** The store that the options name. */
export function createStateStore({ accountStore, stateDirectory }: Config): StateStore {
  return accountStore === "memory" ? new MemoryState() : new DirectoryState(join(stateDirectory, "accounts"));
}
