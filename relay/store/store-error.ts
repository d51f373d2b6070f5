/** Why a store cannot do what was asked. Stable; docs/mailbox.md says what to do about each. */
export type StoreErrorCode =
  | "store-disk-full"
  | "store-read-only"
  | "store-corrupt"
  | "store-newer"
  | "store-in-use"
  | "store-unsupported"
  | "store-overloaded"
  | "store-closed"
  | "store-failed";

/** A store that failed. Nothing of what was asked has been done. The message is for operators and holds no content. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StoreError";
    this.code = code;
  }
}
