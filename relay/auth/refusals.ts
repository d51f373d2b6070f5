import { Counter, wordsOf } from "../counter.ts";
import type { AccessRefusal } from "../session/ports.ts";

/** Every reason, and the HTTP status of an upgrade that is refused for it. */
const statusOf = {
  missing: 401,
  malformed: 401,
  "unknown-key": 401,
  "bad-signature": 401,
  "bad-claims": 401,
  "wrong-issuer": 401,
  "wrong-audience": 401,
  "not-yet-valid": 401,
  expired: 401,
  revoked: 401,
  "other-subject": 401,
  "too-many-connections": 429,
  "too-many-checks": 503,
  "keys-unavailable": 503,
} as const satisfies Record<AccessRefusal, number>;

/** The HTTP status of an upgrade that is refused for this reason. */
export function refusalStatus(refusal: AccessRefusal): 401 | 429 | 503 {
  return statusOf[refusal];
}

/** Counts refusals by reason. */
export function refusalCounter(): Counter<AccessRefusal> {
  return new Counter(wordsOf(statusOf));
}
