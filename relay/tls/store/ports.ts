/** Why a store could not do what it was asked. */
export type StoreErrorCode = "store-unreachable" | "store-denied" | "store-full" | "store-corrupt";

/** A store's failure; the message names the store and the entry, never its content. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}

/** What an entry may say of itself to a store that has a use for it. */
export type EntryFacts = { readonly expiresAtMs?: number };

/**
 * Keeps small documents (at most 20 KiB of JSON text each) over restarts: the account, certificates with their keys, and
 * the record of attempts. The content is secret.
 *
 * Entry names match `/^[a-z0-9-]{1,100}$/`. Each entry is written whole or not at all: a kill at any moment leaves the old
 * one or the new one. There is no lock: the last write wins.
 */
export interface CertificateStore {
  /** For people and for the log: `directory /var/lib/postern/certificates`, `key vault https://x.vault.azure.net`. */
  readonly description: string;
  /** @returns the entry's text, or undefined where there is none. @throws StoreError */
  load(entry: string): Promise<string | undefined>;
  /**
   * Makes the place ready for the first save, as far as that can be done ahead.
   * @throws StoreError; with `store-denied`, where nothing can be saved until an operator has changed something here.
   */
  prepare(): Promise<void>;
  /** Writes the entry. Once it resolves, the entry survives a kill of the process. @throws StoreError */
  save(entry: string, text: string, facts?: EntryFacts): Promise<void>;
}
