import { ConnectError, type ErrorTexts, type ListErrorCode } from "../errors.ts";

/** The codes about signed lists of relays, as `errorTexts` has the others. @see docs/client.md#errors */
export const listErrorTexts: Readonly<Record<ListErrorCode, ErrorTexts>> = {
  "list-invalid": ["The list of relays is none, or not signed by its key", "See the cause."],
  "list-expired": ["The list of relays has expired, and is used all the same", "Sign a new one."],
};

/** What is wrong with a list. */
export function listError(code: ListErrorCode, cause?: string): ConnectError {
  return new ConnectError(code, { cause, texts: listErrorTexts[code] });
}
