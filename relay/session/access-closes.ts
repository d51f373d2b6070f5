import { CloseCode } from "../../protocol/close-codes.ts";
import type { AccessRefusal, Close } from "./ports.ts";

/** Closes that say no: whoever comes back as it is gets the same again. */
const REFUSALS: ReadonlySet<number> = new Set([
  CloseCode.policyViolation,
  CloseCode.grantExpired,
  CloseCode.unauthorized,
  CloseCode.grantRevoked,
]);

/** Whether a close says no to the client, rather than not now. */
export function isRefusal({ code, meaning = code }: Close): boolean {
  return REFUSALS.has(meaning);
}

/** How a classic client is closed that may not send to its topic: it has no message for it. */
export const NOT_PERMITTED_CLOSE: Close = { code: CloseCode.unauthorized, reason: "not-permitted" };

/** What passes with the next answer, or when a few others are through. */
const SOON_MS = 5000;
/** What somebody has to end, or to put right. */
const LATER_MS = 30_000;

/**
 * How a connection is closed whose token does not do. The code tells a client what would help: a new token, another
 * one, nothing, or to wait; the reason is the word of docs/protocol.md#refusals.
 */
export function closeFor(refusal: AccessRefusal): Close {
  switch (refusal) {
    case "expired":
      return { code: CloseCode.grantExpired, reason: refusal };
    case "revoked":
      return { code: CloseCode.grantRevoked, reason: refusal };
    case "too-many-checks":
      return { code: CloseCode.tryAgainLater, reason: refusal, retryAfterMs: SOON_MS };
    case "too-many-connections":
    case "keys-unavailable":
      return { code: CloseCode.tryAgainLater, reason: refusal, retryAfterMs: LATER_MS };
    default:
      return { code: CloseCode.unauthorized, reason: refusal };
  }
}
