import { StoreError, type StoreErrorCode } from "./store-error.ts";

/** By SQLite's primary result code. */
const CODES: ReadonlyMap<number, readonly [StoreErrorCode, string]> = new Map([
  [5, ["store-in-use", "another process keeps it locked"]],
  [6, ["store-in-use", "another connection keeps it locked"]],
  [8, ["store-read-only", "it cannot be written to"]],
  [11, ["store-corrupt", "the file is damaged"]],
  [13, ["store-disk-full", "the disk is full"]],
  [14, ["store-read-only", "it cannot be opened"]],
  [26, ["store-corrupt", "the file is no database"]],
]);

/** By what the system says where a file cannot be made, opened or written. */
const SYSTEM_CODES: Readonly<Record<string, StoreErrorCode>> = {
  ENOSPC: "store-disk-full",
  EDQUOT: "store-disk-full",
  EACCES: "store-read-only",
  EPERM: "store-read-only",
  EROFS: "store-read-only",
  EEXIST: "store-read-only",
  ENOTDIR: "store-read-only",
};

/** Says in the store's words what SQLite or the system said. @param what the store was doing. */
export function toStoreError(what: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const number = resultCodeOf(error);
  const known = number === undefined ? undefined : CODES.get(number & 0xff);
  if (known !== undefined) return new StoreError(known[0], `${what}: ${known[1]}`, { cause: error });
  const system = systemCodeOf(error);
  if (system !== undefined)
    return new StoreError(SYSTEM_CODES[system] ?? "store-failed", `${what}: ${system}`, { cause: error });
  const told = number === undefined ? "an unknown error" : `SQLite's code ${number}`;
  return new StoreError("store-failed", `${what}: ${told}`, { cause: error });
}

/** SQLite's extended result code; undefined where it is no error of SQLite. */
function resultCodeOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode : undefined;
}

function systemCodeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code)
    ? error.code
    : undefined;
}
