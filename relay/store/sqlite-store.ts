import { setImmediate } from "node:timers";
import { Worker } from "node:worker_threads";
import type { Clock } from "../clock.ts";
import { checkDeposit, checkPut } from "./checks.ts";
import { packCalls, unpackOutcomes } from "./packed-batch.ts";
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
  StoreHazard,
  StoreLimits,
  StoreReading,
  StoreTotals,
} from "./ports.ts";
import { type Call, type CallOutcome, errorOf } from "./sqlite-batch.ts";
import type { Synchronous } from "./sqlite-file.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./sqlite-worker.ts";
import { StoreError } from "./store-error.ts";

/** What is committed together. */
const MAX_BATCH_CALLS = 512;
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** What may wait for the disk; beyond it a call is refused. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024;
const MAX_PENDING_CALLS = 65_536;
/** What a call counts for beside its bytes. */
const CALL_OVERHEAD_BYTES = 256;

const EMPTY: StoreTotals = {
  mailboxCount: 0,
  messageCount: 0,
  messageBytes: 0,
  oldestAtMs: undefined,
  recordBytes: 0,
  recordCounts: {},
};

/** Where it is and what it may hold. */
export type SqliteStoreOptions = {
  /** Of the store alone; it is made where it is not there. */
  readonly directory: string;
  readonly synchronous: Synchronous;
  readonly limits: StoreLimits;
};

type Pending = {
  readonly call: Call;
  readonly bytes: number;
  /** Given what its call's method returns. */
  readonly resolve: (value: never) => void;
  readonly reject: (error: StoreError) => void;
};

/**
 * Keeps messages and records in an SQLite file. The database has a thread of its own; what is asked for while it waits for the
 * disk is committed together next. An answer comes after the commit.
 */
export class SqliteStore implements MailboxStore {
  readonly description: string;
  readonly isLasting = true;
  #hazard: StoreHazard | undefined;
  readonly #options: SqliteStoreOptions;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #worker: Worker | undefined;
  #waiting: Pending[] = [];
  #underWay: readonly Pending[] = [];
  #isScheduled = false;
  #sentAtMs = 0;
  #totals: StoreTotals = EMPTY;
  #pendingBytes = 0;
  #commitCount = 0;
  #commitMs = 0;
  #slowestCommitMs = 0;
  #failureCount = 0;
  /** Why nothing is taken any more. */
  #end: StoreError | undefined = new StoreError("store-closed", "the store is not open");
  #closed: Promise<void> | undefined;

  constructor(options: SqliteStoreOptions, clock: Pick<Clock, "monotonicMs">) {
    this.#options = options;
    this.#clock = clock;
    this.description = `SQLite in ${options.directory}`;
  }

  get hazard(): StoreHazard | undefined {
    return this.#hazard;
  }

  async open(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const worker = new Worker(workerFile(), {
      workerData: this.#options satisfies WorkerStart,
      // Node 22 says of its SQLite that it is experimental.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    this.#worker = worker;
    worker.on("message", (message: FromWorker) => {
      if (message.type === "opened") {
        this.#totals = message.totals;
        this.#hazard = message.hazard;
        this.#end = undefined;
        resolve();
      } else if (message.type === "failed") reject(new StoreError(message.code, message.message));
      else if (message.type === "done") this.#settle(unpackOutcomes(message.outcomes), message.totals);
    });
    worker.on("error", (cause) =>
      this.#fail(new StoreError("store-failed", "the store's thread has failed", { cause })),
    );
    worker.on("exit", () => this.#fail(new StoreError("store-failed", "the store's thread has ended")));
    worker.on("error", () => reject(new StoreError("store-failed", "the store's thread has failed")));
    try {
      await promise;
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  async deposit(given: Deposit): Promise<DepositOutcome> {
    checkDeposit(given);
    return this.#ask({ method: "deposit", given }, given.data.length);
  }

  read(given: ReadRequest): Promise<readonly StoredMessage[]> {
    return this.#ask({ method: "read", given });
  }

  remove(given: Parameters<StoreEngine["remove"]>[0]): Promise<boolean> {
    return this.#ask({ method: "remove", given });
  }

  clear(given: Parameters<StoreEngine["clear"]>[0]): Promise<number> {
    return this.#ask({ method: "clear", given });
  }

  sizeOf(given: Parameters<StoreEngine["sizeOf"]>[0]): Promise<ReturnType<StoreEngine["sizeOf"]>> {
    return this.#ask({ method: "sizeOf", given });
  }

  async put(given: Put): Promise<PutOutcome> {
    checkPut(given);
    return this.#ask({ method: "put", given }, given.data.length);
  }

  find(given: Parameters<StoreEngine["find"]>[0]): Promise<readonly StoredRecord[]> {
    return this.#ask({ method: "find", given });
  }

  drop(given: Parameters<StoreEngine["drop"]>[0]): Promise<boolean> {
    return this.#ask({ method: "drop", given });
  }

  expire(given: Parameters<StoreEngine["expire"]>[0]): Promise<Expired> {
    return this.#ask({ method: "expire", given });
  }

  reading(): StoreReading {
    return {
      ...this.#totals,
      pendingCount: this.#waiting.length + this.#underWay.length,
      pendingBytes: this.#pendingBytes,
      commitCount: this.#commitCount,
      commitMs: this.#commitMs,
      slowestCommitMs: this.#slowestCommitMs,
      failureCount: this.#failureCount,
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    this.#end ??= new StoreError("store-closed", "the store is closed");
    const worker = this.#worker;
    if (worker === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.once("exit", () => resolve());
    // Behind what was asked before.
    while (this.#waiting.length > 0) this.#send();
    worker.postMessage({ close: true } satisfies ToWorker, []);
    if (worker.threadId !== -1) await promise;
  }

  #ask<Result>(call: Call, bytes = 0): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cost = bytes + CALL_OVERHEAD_BYTES;
      const isTooMuch =
        this.#pendingBytes + cost > MAX_PENDING_BYTES ||
        this.#waiting.length + this.#underWay.length >= MAX_PENDING_CALLS;
      const refusal =
        this.#end ?? (isTooMuch ? new StoreError("store-overloaded", "too much waits for the disk") : undefined);
      if (refusal !== undefined) {
        this.#failureCount += 1;
        reject(refusal);
        return;
      }
      this.#pendingBytes += cost;
      this.#waiting.push({ call, bytes: cost, resolve, reject });
      this.#schedule();
    });
  }

  /** At the end of this turn of the event loop: what comes in it goes together. */
  #schedule(): void {
    if (this.#isScheduled || this.#underWay.length > 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#underWay.length === 0 && this.#waiting.length > 0) this.#send();
    });
  }

  #send(): void {
    let bytes = 0;
    const end = this.#waiting.findIndex((pending, index) => {
      bytes += pending.bytes;
      return index > 0 && (index >= MAX_BATCH_CALLS || bytes > MAX_BATCH_BYTES);
    });
    const batch = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
    this.#underWay = [...this.#underWay, ...batch];
    this.#sentAtMs = this.#clock.monotonicMs();
    const calls = packCalls(batch.map(({ call }) => call));
    this.#worker?.postMessage({ calls } satisfies ToWorker, [calls.bytes.buffer]);
  }

  #settle(outcomes: readonly CallOutcome<never>[], totals: StoreTotals): void {
    const tookMs = this.#clock.monotonicMs() - this.#sentAtMs;
    this.#totals = totals;
    this.#commitCount += 1;
    this.#commitMs += tookMs;
    this.#slowestCommitMs = Math.max(this.#slowestCommitMs, tookMs);
    const batch = this.#underWay.slice(0, outcomes.length);
    this.#underWay = this.#underWay.slice(outcomes.length);
    for (const [index, pending] of batch.entries()) {
      const outcome = outcomes[index];
      this.#pendingBytes -= pending.bytes;
      if (outcome === undefined) continue;
      if (outcome.isDone) pending.resolve(outcome.value);
      else {
        this.#failureCount += 1;
        pending.reject(errorOf(outcome));
      }
    }
    if (this.#waiting.length > 0) this.#schedule();
  }

  #fail(error: StoreError): void {
    this.#end ??= error;
    const lost = [...this.#underWay, ...this.#waiting];
    this.#underWay = [];
    this.#waiting = [];
    this.#pendingBytes = 0;
    this.#failureCount += lost.length;
    for (const { reject } of lost) reject(error);
  }
}

/** The compiler rewrites imports, and no addresses. In the command, this code is in another folder of the same depth. */
function workerFile(): URL {
  const { url } = import.meta;
  return new URL(`../store/sqlite-worker${url.slice(url.lastIndexOf("."))}`, url);
}
