import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { systemClock } from "../../relay/clock.ts";
import type { Deposit, MailboxStore, Put, ReadRequest } from "../../relay/store/ports.ts";
import { SqliteStore, type SqliteStoreOptions } from "../../relay/store/sqlite-store.ts";

/** A moment that all tests of stores share. */
export const NOW_MS = 1_800_000_000_000;
const NO_QUOTA = { maxCount: 0, maxBytes: 0 };

/** A directory that goes with the test. */
export async function storeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postern-mailbox-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A store on disk that is closed with the test; `normal`, because tests need not outlive a loss of power. */
export function sqliteStore(directory: string, options: Partial<SqliteStoreOptions> = {}): MailboxStore {
  const limits = { maxMessages: 0, maxBytes: 0 };
  const store = new SqliteStore({ directory, synchronous: "normal", limits, ...options }, systemClock);
  onTestFinished(() => store.close());
  return store;
}

/** A deposit of this text; what else it has may be said. */
export function depositOf(text: string, own: Partial<Deposit> = {}): Deposit {
  return {
    mailbox: "box",
    id: `id ${text.slice(0, 40)}`,
    data: new Uint8Array(new TextEncoder().encode(text)),
    note: "",
    rank: 0,
    collapseKey: undefined,
    depositedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + 1000,
    quota: NO_QUOTA,
    ...own,
  };
}

/** A record of this name; what else it has may be said. */
export function recordOf(name: string, own: Partial<Put> = {}): Put {
  const data = new Uint8Array(new TextEncoder().encode(name));
  return { space: "s", name, owner: "o", data, expiresAtMs: NOW_MS + 1000, nowMs: NOW_MS, quota: NO_QUOTA, ...own };
}

/** All of a mailbox, unless something else is said. */
export function readOf(own: Partial<ReadRequest> = {}): ReadRequest {
  const after = { rank: 0, sequence: 0 };
  return { mailbox: "box", after, nowMs: NOW_MS, maxCount: 1000, maxBytes: 1_000_000_000, ...own };
}

/** The texts of a mailbox, in its order. */
export async function textsIn(store: MailboxStore, own: Partial<ReadRequest> = {}): Promise<readonly string[]> {
  const messages = await store.read(readOf(own));
  return messages.map(({ data }) => new TextDecoder().decode(data));
}
