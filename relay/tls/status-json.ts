import type { CertificateStatus } from "./source.ts";

/** A certificate's status as JSON shows it: in `/ready`, `/stats` and `postern cert`. Times are seconds since the epoch. */
export type StatusJson = {
  readonly source: string;
  readonly is_stand_in: boolean;
  /** Whole seconds, below 0 once it has ended. */
  readonly seconds_to_expiry: number;
  readonly last_success: number | null;
  readonly last_error_code: string | null;
  readonly next_attempt: number | null;
  readonly consecutive_failures: number;
};

/** Turns a status into what is shown to everybody: no names, no paths. */
export function statusJson(status: CertificateStatus, nowMs: number): StatusJson {
  return {
    source: status.source,
    is_stand_in: status.isStandIn,
    seconds_to_expiry: Math.floor((status.expiresAtMs - nowMs) / 1000),
    last_success: seconds(status.lastSuccessAtMs),
    last_error_code: status.lastErrorCode ?? null,
    next_attempt: seconds(status.nextAttemptAtMs),
    consecutive_failures: status.consecutiveFailures,
  };
}

function seconds(atMs: number | undefined): number | null {
  return atMs === undefined ? null : Math.floor(atMs / 1000);
}
