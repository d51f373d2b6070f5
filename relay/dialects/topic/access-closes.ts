import { CloseCode } from "../../../protocol/close-codes.ts";
import type { AccessRefusal, Close } from "../../session/ports.ts";

/** How a classic client is closed that may not send to its topic: it has no message for it. */
export const NOT_PERMITTED_CLOSE: Close = { code: CloseCode.unauthorized, reason: "not-permitted" };

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
    case "too-many-connections":
    case "too-many-checks":
    case "keys-unavailable":
      return { code: CloseCode.tryAgainLater, reason: refusal };
    default:
      return { code: CloseCode.unauthorized, reason: refusal };
  }
}
