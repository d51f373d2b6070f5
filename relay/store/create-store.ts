import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { MemoryStore } from "./memory-store.ts";
import type { MailboxStore } from "./ports.ts";
import type { Synchronous } from "./sqlite-file.ts";
import { SqliteStore } from "./sqlite-store.ts";

/** Which store, where, and how much it may hold. */
export type StoreOptions = {
  readonly mailboxStore: "off" | "memory" | "sqlite";
  /** "": a folder of the state directory. */
  readonly mailboxDirectory: string;
  readonly stateDirectory: string;
  readonly mailboxSynchronous: Synchronous;
  readonly mailboxMaxMessages: number;
  readonly mailboxMaxBytes: number;
};

/** Where the SQLite store is. */
export function mailboxDirectoryOf({
  mailboxDirectory,
  stateDirectory,
}: Pick<StoreOptions, "mailboxDirectory" | "stateDirectory">): string {
  return mailboxDirectory === "" ? join(stateDirectory, "mailbox") : mailboxDirectory;
}

/** Makes the store that the options name; it is not open. Undefined: they name none. */
export function createStore(clock: Clock, options: StoreOptions): MailboxStore | undefined {
  const limits = { maxMessages: options.mailboxMaxMessages, maxBytes: options.mailboxMaxBytes };
  switch (options.mailboxStore) {
    case "off":
      return undefined;
    case "memory":
      return new MemoryStore(limits);
    case "sqlite":
      return new SqliteStore(
        { directory: mailboxDirectoryOf(options), synchronous: options.mailboxSynchronous, limits },
        clock,
      );
  }
}
