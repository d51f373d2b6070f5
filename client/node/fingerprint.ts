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
