import type { AccessRefusal } from "../hub/ports.ts";

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

/** A count of nothing for every reason, to be counted up. */
export function noRefusals(): Record<AccessRefusal, number> {
  return {
    missing: 0,
    malformed: 0,
    "unknown-key": 0,
    "bad-signature": 0,
    "bad-claims": 0,
    "wrong-issuer": 0,
    "wrong-audience": 0,
    "not-yet-valid": 0,
    expired: 0,
    revoked: 0,
    "other-subject": 0,
    "too-many-connections": 0,
    "too-many-checks": 0,
    "keys-unavailable": 0,
  };
}
