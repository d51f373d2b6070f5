/**
 * Where messages wait for those who are away, and the few facts that a dialect has to remember about them. A mailbox is a
 * name that a dialect makes up; the store knows nothing of keys and owners. Everything that is done to it takes effect
 * whole or not at all, and a promise is kept: what was said to be stored is there after a restart, where the store outlives
 * one. Implemented by memory-store.ts and sqlite-store.ts; test/contract/mailbox-store.test.ts holds for both.
 */

/** How much a mailbox, or a space of records, may hold. 0: any number. */
export type Quota = { readonly maxCount: number; readonly maxBytes: number };

/** A message on its way into a mailbox. */
export type Deposit = {
  /** 1 to 256 characters. */
  readonly mailbox: string;
  /** 1 to 256 characters, once per mailbox: who deposits it a second time, because no answer came, doubles nothing. */
  readonly id: string;
  /** Copied by the store: as it is until the answer. */
  readonly data: Uint8Array;
  /** What the dialect keeps beside it, up to 4096 characters. */
  readonly note: string;
  /** Messages of a lower rank come first; 0 where only the order of deposits counts. Up to 2^53 - 1. */
  readonly rank: number;
  /** Takes the place of the message of this mailbox that has the same one. Undefined: of none. */
  readonly collapseKey: string | undefined;
  /** Milliseconds since the epoch, both. */
  readonly depositedAtMs: number;
  readonly expiresAtMs: number;
  /** What the mailbox may hold, with this message. */
  readonly quota: Quota;
};

/**
 * What became of a deposit. `known`: a message with this id is there, and stays as it is. The others: nothing was stored,
 * because the mailbox or the store may hold no more.
 */
export type DepositOutcome =
  | { readonly outcome: "stored" | "known"; readonly sequence: number }
  | { readonly outcome: "mailbox-full" | "store-full" };

/** A message in a mailbox. */
export type StoredMessage = Pick<Deposit, "id" | "note" | "rank" | "depositedAtMs" | "expiresAtMs"> & {
  /** Rises with every deposit in the store, and is never used again. */
  readonly sequence: number;
  readonly data: Uint8Array;
};

/** Where a reader is: behind the message of this rank and sequence. */
export type Place = Pick<StoredMessage, "rank" | "sequence">;

/** Which messages are read: the next ones behind a place that have not expired. */
export type ReadRequest = {
  readonly mailbox: string;
  readonly after: Place;
  readonly nowMs: number;
  readonly maxCount: number;
  /** No more than this, but always one where there is one. */
  readonly maxBytes: number;
};

/** A fact with a name, such as a proof that somebody left. */
export type StoredRecord = {
  /** What kind of fact it is; names are unique in it. 1 to 64 characters. */
  readonly space: string;
  /** 1 to 256 characters. */
  readonly name: string;
  /** Who alone may replace or remove it. Up to 256 characters. */
  readonly owner: string;
  readonly data: Uint8Array;
  readonly expiresAtMs: number;
};

/** A record on its way in. */
export type Put = StoredRecord & {
  readonly nowMs: number;
  /** What the space may hold, with this record. */
  readonly quota: Quota;
};

/** What became of a record. `taken`: another owner has the name. */
export type PutOutcome = "stored" | "taken" | "space-full" | "store-full";

/** What one step of the expiry has removed. */
export type Expired = { readonly messageCount: number; readonly recordCount: number };

/** What there is now. */
export type StoreTotals = {
  readonly mailboxCount: number;
  readonly messageCount: number;
  /** As quotas count them: the data, the id and the note of each, and 8 more. */
  readonly messageBytes: number;
  /** When the oldest message came, in milliseconds since the epoch. */
  readonly oldestAtMs: number | undefined;
  readonly recordBytes: number;
  /** By space; one that has none may be left out. */
  readonly recordCounts: Readonly<Record<string, number>>;
};

/** What can be done to a store, each whole or not at all. The store does it behind `MailboxStore`, one after the other. */
export interface StoreEngine {
  deposit(deposit: Deposit): DepositOutcome;
  /** By rank, then in the order of deposits. */
  read(request: ReadRequest): readonly StoredMessage[];
  /** Removes one message of a mailbox, by its id or its sequence. @returns whether it was there. */
  remove(which: { readonly mailbox: string } & ({ readonly id: string } | { readonly sequence: number })): boolean;
  /** Removes the oldest of a mailbox. @returns how many: fewer than `maxCount` where none is left. */
  clear(which: { readonly mailbox: string; readonly maxCount: number }): number;
  /** How much a mailbox holds. */
  sizeOf(which: { readonly mailbox: string }): { readonly count: number; readonly bytes: number };
  put(record: Put): PutOutcome;
  /** Those that are there and have not expired, in any order. */
  find(which: {
    readonly space: string;
    readonly names: readonly string[];
    readonly nowMs: number;
  }): readonly StoredRecord[];
  /** @returns whether it was there, and this owner's. */
  drop(which: { readonly space: string; readonly name: string; readonly owner: string }): boolean;
  /** Removes what has expired, up to so many. */
  expire(step: { readonly nowMs: number; readonly maxCount: number }): Expired;
}

/** The same, for those who ask. Rejected with a `StoreError`; with a RangeError for what no client can cause. */
type StoreCalls = {
  readonly [Method in keyof StoreEngine]: (
    given: Parameters<StoreEngine[Method]>[0],
  ) => Promise<ReturnType<StoreEngine[Method]>>;
};

/** What is known of a store without asking it: as of its last answer. */
export type StoreReading = StoreTotals & {
  /** Calls that have no answer yet. */
  readonly pendingCount: number;
  readonly pendingBytes: number;
  /** Since the start: what was committed together, how long that took in all, and how long at most. */
  readonly commitCount: number;
  readonly commitMs: number;
  readonly slowestCommitMs: number;
  /** Since the start: calls that failed. */
  readonly failureCount: number;
};

/** What ends a store though nobody deletes it: its container is made anew, or the machine starts again. */
export type StoreHazard = "container" | "memory";

/** A store as its users see it. */
export interface MailboxStore extends StoreCalls {
  /** What and where it is, for operators. */
  readonly description: string;
  /** Whether it outlives the process. */
  readonly isLasting: boolean;
  /** What it ends with that an operator may not have meant; known when it is open. */
  readonly hazard: StoreHazard | undefined;
  /** Checks what is there and makes it ready. To be called once, first. @throws StoreError */
  open(): Promise<void>;
  reading(): StoreReading;
  /** Finishes what was asked, and lets go of it. What is asked from now on is `store-closed`. Idempotent. */
  close(): Promise<void>;
}

/** What all a store's messages and records may have together, in number and bytes. 0: any number. */
export type StoreLimits = { readonly maxMessages: number; readonly maxBytes: number };
