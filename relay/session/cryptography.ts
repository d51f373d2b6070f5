/** What dialects with accounts need of cryptography. Implemented by relay/auth/cryptography.ts. */
export interface Cryptography {
  /** Letters, digits, `-` and `_` that nobody can guess: six bits each. */
  randomText(length: number): string;
  /** The same of `a-z` and `0-9`. */
  randomLetters(length: number): string;
  /** SHA-256 as 64 hex digits. */
  sha256(data: string | Uint8Array): string;
  /** Whether an Ed25519 signature (RFC 8032 section 5.1) is of this message and key. @param publicKey 32 bytes; of any other number: no. */
  isSigned(message: Uint8Array, by: { readonly publicKey: Uint8Array; readonly signature: Uint8Array }): boolean;
}
