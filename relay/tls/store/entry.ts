import { StoreError } from "./ports.ts";

const ENTRY_NAME = /^[a-z0-9-]{1,100}$/;
/** What an entry may hold. Key Vault takes 25 KB; a key with its chain has about 6 KiB. */
const MAX_ENTRY_BYTES = 20 * 1024;

/** Checks the name of an entry, which becomes the name of a file or of a secret. @throws RangeError for a bad one. */
export function checkEntryName(entry: string): void {
  if (!ENTRY_NAME.test(entry)) throw new RangeError(`The name of an entry matches ${ENTRY_NAME.source}`);
}

/** Checks what is to be saved. @throws RangeError for a bad name, StoreError for more text than an entry may hold. */
export function checkEntry(entry: string, text: string, description: string): void {
  checkEntryName(entry);
  const byteCount = Buffer.byteLength(text);
  if (byteCount <= MAX_ENTRY_BYTES) return;
  throw new StoreError(
    "store-full",
    `${description}: ${entry} has ${byteCount} bytes, and an entry may have ${MAX_ENTRY_BYTES}`,
  );
}
