import { MemoryEngine } from "./memory-engine.ts";
import type {
  Deposit,
  DepositOutcome,
  Expired,
  MailboxStore,
  Put,
  PutOutcome,
  ReadRequest,
  StoredMessage,
  StoredRecord,
  StoreEngine,
  StoreLimits,
  StoreReading,
} from "./ports.ts";
import { StoreError } from "./store-error.ts";

/** Keeps messages and records in memory, for tests and for relays that may forget: a restart ends them. */
export class MemoryStore implements MailboxStore {
  readonly description = "memory";
  readonly isLasting = false;
  /** It says that it is memory. */
  readonly hazard = undefined;
  readonly #engine: MemoryEngine;
  #isOpen = false;
  #failureCount = 0;

  constructor(limits: StoreLimits) {
    this.#engine = new MemoryEngine(limits);
  }

  open(): Promise<void> {
    this.#isOpen = true;
    return Promise.resolve();
  }

  deposit(given: Deposit): Promise<DepositOutcome> {
    return this.#ask(() => this.#engine.deposit(given));
  }

  read(given: ReadRequest): Promise<readonly StoredMessage[]> {
    return this.#ask(() => this.#engine.read(given));
  }

  remove(given: Parameters<StoreEngine["remove"]>[0]): Promise<boolean> {
    return this.#ask(() => this.#engine.remove(given));
  }

  clear(given: Parameters<StoreEngine["clear"]>[0]): Promise<number> {
    return this.#ask(() => this.#engine.clear(given));
  }

  sizeOf(given: Parameters<StoreEngine["sizeOf"]>[0]): Promise<ReturnType<StoreEngine["sizeOf"]>> {
    return this.#ask(() => this.#engine.sizeOf(given));
  }

  put(given: Put): Promise<PutOutcome> {
    return this.#ask(() => this.#engine.put(given));
  }

  find(given: Parameters<StoreEngine["find"]>[0]): Promise<readonly StoredRecord[]> {
    return this.#ask(() => this.#engine.find(given));
  }

  drop(given: Parameters<StoreEngine["drop"]>[0]): Promise<boolean> {
    return this.#ask(() => this.#engine.drop(given));
  }

  expire(given: Parameters<StoreEngine["expire"]>[0]): Promise<Expired> {
    return this.#ask(() => this.#engine.expire(given));
  }

  reading(): StoreReading {
    const none = { pendingCount: 0, pendingBytes: 0, commitCount: 0, commitMs: 0, slowestCommitMs: 0 };
    return { ...this.#engine.totals, ...none, failureCount: this.#failureCount };
  }

  close(): Promise<void> {
    this.#isOpen = false;
    return Promise.resolve();
  }

  async #ask<Result>(call: () => Result): Promise<Result> {
    if (this.#isOpen) return call();
    this.#failureCount += 1;
    throw new StoreError("store-closed", "the store is closed");
  }
}
