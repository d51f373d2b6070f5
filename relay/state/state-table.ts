import { type Changes, StateError, type StateStore } from "./ports.ts";

/** A key that is longer is nobody's. */
const MAX_KEY_CHARACTERS = 512;
const MAX_RECORD_CHARACTERS = 4096;

/** What a table is called, how much it may hold, and who is told, beside those who wait, that something was not kept. */
export type TableOptions = {
  readonly name: string;
  readonly maxRecords: number;
  readonly onFailed?: (error: unknown) => void;
};

/** How one kind of record is written. */
export type RecordCodec<T> = {
  /** What `JSON.stringify` makes one line of. */
  write(record: T): object;
  /** Undefined where it is none of these: then the table is not what was written. */
  read(value: unknown): T | undefined;
};

/** What waits to be kept together. */
type Batch<T> = {
  readonly changes: Map<string, T | undefined>;
  readonly kept: Promise<void>;
  settle(error?: unknown): void;
};

/**
 * Records of one kind, by key, of which those that are there are kept already: a change shows, and is good for a promise to
 * a client, once it resolves. Changes that come while others are on their way are kept together with one write.
 */
export class StateTable<T> {
  readonly name: string;
  readonly #store: StateStore;
  readonly #maxRecords: number;
  readonly #onFailed: (error: unknown) => void;
  readonly #codec: RecordCodec<T>;
  readonly #records = new Map<string, T>();
  #writing: Batch<T> | undefined;
  #next: Batch<T> | undefined;

  constructor(
    store: StateStore,
    { name, maxRecords, onFailed = () => undefined }: TableOptions,
    codec: RecordCodec<T>,
  ) {
    this.name = name;
    this.#store = store;
    this.#maxRecords = maxRecords;
    this.#onFailed = onFailed;
    this.#codec = codec;
  }

  /** How many are kept. */
  get size(): number {
    return this.#records.size;
  }

  get(key: string): T | undefined {
    return this.#records.get(key);
  }

  /** All that are kept, oldest first. A view. */
  entries(): Iterable<[string, T]> {
    return this.#records.entries();
  }

  /** Whether a key is in use, or will be once what is on its way is kept. */
  isTaken(key: string): boolean {
    return this.#records.has(key) || this.#added(key);
  }

  /** Reads what is kept. To be called once, before anything else. @throws StateError */
  async load(): Promise<void> {
    for (const [key, text] of await this.#store.load(this.name)) {
      const record = this.#codec.read(JSON.parse(text));
      if (record === undefined) {
        throw new StateError("state-corrupt", `${this.#store.description}: ${this.name} has a record that is none`);
      }
      this.#records.set(key, record);
    }
  }

  /** Keeps a record under this key, in place of one that may be there. @throws StateError; then it is as before. */
  put(key: string, record: T): Promise<void> {
    if (key.length > MAX_KEY_CHARACTERS) return Promise.reject(new RangeError("the key is too long"));
    if (!this.isTaken(key) && this.#count >= this.#maxRecords) {
      const message = `${this.#store.description}: ${this.name} has ${this.#maxRecords} records, as many as it may`;
      return Promise.reject(new StateError("state-full", message));
    }
    return this.#change(key, record);
  }

  /** @throws StateError; then it is as before. */
  remove(key: string): Promise<void> {
    return this.isTaken(key) ? this.#change(key, undefined) : Promise.resolve();
  }

  /** With those that are on their way. */
  get #count(): number {
    const coming = [this.#writing, this.#next].flatMap((batch) => [...(batch?.changes ?? [])]);
    return (
      this.#records.size + coming.filter(([key, record]) => record !== undefined && !this.#records.has(key)).length
    );
  }

  #added(key: string): boolean {
    return this.#next?.changes.get(key) !== undefined || this.#writing?.changes.get(key) !== undefined;
  }

  #change(key: string, record: T | undefined): Promise<void> {
    this.#next ??= createBatch();
    const { changes, kept } = this.#next;
    changes.set(key, record);
    if (this.#writing === undefined) void this.#writeAll();
    return kept;
  }

  /** Until nothing waits. Never rejects. */
  async #writeAll(): Promise<void> {
    for (let batch = this.#next; batch !== undefined; batch = this.#next) {
      this.#writing = batch;
      this.#next = undefined;
      try {
        await this.#store.save(this.name, this.#textsOf(batch.changes));
        for (const [key, record] of batch.changes) {
          if (record === undefined) this.#records.delete(key);
          else this.#records.set(key, record);
        }
        batch.settle();
      } catch (error) {
        this.#onFailed(error);
        batch.settle(error);
      }
    }
    this.#writing = undefined;
  }

  #textsOf(changes: ReadonlyMap<string, T | undefined>): Changes {
    return new Map(
      [...changes].map(([key, record]) => {
        const text = record === undefined ? undefined : JSON.stringify(this.#codec.write(record));
        if (text !== undefined && text.length > MAX_RECORD_CHARACTERS) throw new RangeError("the record is too long");
        return [key, text];
      }),
    );
  }
}

function createBatch<T>(): Batch<T> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return {
    changes: new Map<string, T | undefined>(),
    kept: promise,
    settle: (error) => {
      if (error === undefined) resolve();
      else reject(error);
    },
  };
}
