import { ConnectError } from "../errors.ts";

/**
 * The SHA-256 fingerprint of a certificate as Node writes it (`AB:CD:...`), from any form in which programs show one: with
 * colons, spaces, dashes or nothing between the digits, in either case, behind openssl's `sha256 Fingerprint=`, `sha256:`,
 * `Fingerprint (SHA-256):` and the like.
 * @returns undefined where it is none; so is curl's `sha256//...`, which is that of a public key.
 */
export function parseFingerprint(text: string): string | undefined {
  const withoutLabel = text.replace(/^.*=/, "").replace(/^(?:sha-?256|fingerprint|\W)+/i, "");
  const digits = withoutLabel.replace(/[:\s-]/g, "");
  return /^[0-9a-f]{64}$/i.test(digits) ? digits.toUpperCase().match(/../g)?.join(":") : undefined;
}

/**
 * The fingerprints that an app pins, as Node writes them; undefined where it pins none. An empty list would trust nobody, or everybody: nobody means
 * that.
 * @throws ConnectError `option-invalid`
 */
export function checkedFingerprints(given: string | readonly string[] | undefined): readonly string[] | undefined {
  if (given === undefined) return undefined;
  const parsed = (typeof given === "string" ? [given] : given).map(parseFingerprint);
  const known = parsed.filter((fingerprint) => fingerprint !== undefined);
  if (known.length > 0 && known.length === parsed.length) return known;
  throw new ConnectError("option-invalid", { cause: "tls.fingerprint: SHA-256 in 64 hex digits" });
}
