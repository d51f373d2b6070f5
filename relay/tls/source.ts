import type { TlsMaterial } from "./material.ts";

/** Where certificates come from. `off` has no source. */
type SourceName = "acme" | "files" | "self-signed";

/**
 * Why the latest attempt to get, read or keep a certificate failed. Stable: in the log, in `/ready`, in `/stats`;
 * listed in docs/certificates.md.
 */
export const certificateErrorCodes = [
  "ca-unreachable",
  "ca-refused",
  "rate-limited",
  "challenge-failed",
  "clock-wrong",
  "budget-spent",
  "terms-not-agreed",
  "store-unreachable",
  "store-denied",
  "store-full",
  "store-corrupt",
  "files-unreadable",
  "files-invalid",
] as const;

/** One of them. */
export type CertificateErrorCode = (typeof certificateErrorCodes)[number];

/** What is known of the certificate and of the attempts to renew it. Times are milliseconds since the epoch. */
export type CertificateStatus = {
  readonly source: SourceName;
  /** The names it was asked for; of a file, the names in it. */
  readonly names: readonly string[];
  /** The issuer's common name, or the whole issuer where it has none. */
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  /** A self-signed certificate serves in place of the one that is wanted: the relay is not ready. */
  readonly isStandIn: boolean;
  /** Where it is kept, for people: `directory /var/lib/postern/certificates`; undefined where it is not kept. */
  readonly store: string | undefined;
  /** When a renewal, or after a failure the next attempt, is due; undefined where nothing is planned. */
  readonly nextAttemptAtMs: number | undefined;
  readonly lastSuccessAtMs: number | undefined;
  /** Undefined once an attempt has succeeded again. */
  readonly lastErrorCode: CertificateErrorCode | undefined;
  readonly consecutiveFailures: number;
};

/** One way to get certificates. It never stops a running relay: after a failure the last good certificate stays. */
export interface CertificateSource {
  /**
   * Gives what to serve first, at once: a kept certificate, or a stand-in while the first order runs.
   * @param onChange takes each later certificate; never called before `start` has resolved.
   * @throws RelayError where there is nothing to serve at all and waiting would not help.
   */
  start(onChange: (material: TlsMaterial) => void): Promise<TlsMaterial>;
  /** Gives up what is under way and cancels all timers. */
  stop(): Promise<void>;
  status(): CertificateStatus;
}
