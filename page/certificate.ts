/** What `/ready` says of the relay's certificate. */
type Certificate = {
  readonly source: string;
  readonly is_stand_in: boolean;
  readonly seconds_to_expiry: number;
  readonly last_error_code: string | null;
};

/** How this page came. */
export type Arrival = { readonly protocol: string; readonly isSecureContext: boolean };

/**
 * How the relay's certificate is doing, in words.
 * @param ready what `/ready` gave, as JSON: anything.
 */
export function certificateWords(ready: unknown, { protocol, isSecureContext }: Arrival): string {
  const certificate = certificateIn(ready);
  if (certificate === undefined) {
    if (protocol === "https:") return "that of a proxy in front of the relay, which itself has none";
    return isSecureContext ? "none: without TLS, which does on one machine" : "none: whoever is on the way reads along";
  }
  const { source, is_stand_in: isStandIn, seconds_to_expiry: seconds, last_error_code: errorCode } = certificate;
  const failing = errorCode === null ? "" : ` The latest attempt to get one has failed: ${errorCode}.`;
  if (isStandIn) return `a stand-in until the authority has issued the real one: clients do not trust it.${failing}`;
  if (seconds <= 0) return `expired: clients refuse it.${failing}`;
  const left = `good for ${daysOrHours(seconds)}`;
  if (source === "self-signed") {
    return `signed by the relay itself, ${left}: browsers warn of it, and other clients need its fingerprint, which the relay prints at its start`;
  }
  return `of an authority, ${left}.${failing}`;
}

function daysOrHours(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  return hours >= 48 ? `${Math.floor(hours / 24)} more days` : `${hours} more hours`;
}

function certificateIn(ready: unknown): Certificate | undefined {
  if (typeof ready !== "object" || ready === null || !("certificate" in ready)) return undefined;
  const { certificate } = ready;
  return isCertificate(certificate) ? certificate : undefined;
}

function isCertificate(value: unknown): value is Certificate {
  return (
    typeof value === "object" &&
    value !== null &&
    "source" in value &&
    typeof value.source === "string" &&
    "is_stand_in" in value &&
    "seconds_to_expiry" in value &&
    typeof value.seconds_to_expiry === "number" &&
    "last_error_code" in value
  );
}
