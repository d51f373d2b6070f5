import { fromBase64url, toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import { TopicError } from "../errors.ts";
import { subtle } from "./web-cryptography.ts";

/** What the members of a sealed topic share: at least 16 bytes, or the same as base64url. Who has it reads and writes all. */
export type Secret = string | Uint8Array;

const MIN_BYTES = 16;
const SECRET_BYTES = 32;
/** OWASP's Password Storage Cheat Sheet for PBKDF2-HMAC-SHA-256. */
const MIN_ITERATIONS = 600_000;
const MAX_ITERATIONS = 100_000_000;
const MIN_SALT_BYTES = 8;

/** A new secret of 256 random bits: 43 characters of base64url. */
export function newSecret(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

/**
 * The secret of a passphrase, by PBKDF2-HMAC-SHA-256 (RFC 8018 section 5.2): about half a second. A passphrase that can be guessed
 * stays one: whoever runs the relay can try as many as that time allows.
 * @param options `salt`: text of at least 8 bytes that belongs to this group alone, the same for all its members, not secret.
 *   `iterations`: 600,000 to 100,000,000, the same for all; 600,000 unless it is set.
 * @throws TopicError `secret-invalid`, `no-cryptography`
 */
export async function secretFromPassphrase(
  passphrase: string,
  options: { readonly salt: string; readonly iterations?: number | undefined },
): Promise<string> {
  const { salt, iterations = MIN_ITERATIONS } = options;
  const isKnown = Number.isInteger(iterations) && iterations >= MIN_ITERATIONS && iterations <= MAX_ITERATIONS;
  if (!isKnown) throw invalid(`iterations: ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`);
  const [words, salted] = [bytesOf(passphrase.normalize("NFKC")), bytesOf(salt)];
  if (words.length === 0) throw invalid("the passphrase is empty");
  if (salted.length < MIN_SALT_BYTES)
    throw invalid(`the salt has ${salted.length} bytes, and the least is ${MIN_SALT_BYTES}`);
  const key = await subtle().importKey("raw", words, "PBKDF2", false, ["deriveBits"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt: salted, iterations };
  return toBase64url(new Uint8Array(await subtle().deriveBits(how, key, SECRET_BYTES * 8)));
}

/** The bytes of a secret. @throws TopicError `secret-invalid`, which says how many bits it has */
export function secretBytes(secret: Secret): Uint8Array {
  const bytes = typeof secret === "string" ? fromBase64url(secret) : secret;
  if (!(bytes instanceof Uint8Array)) throw invalid("it is no base64url; secretFromPassphrase takes words");
  if (bytes.length < MIN_BYTES) throw invalid(`${bytes.length * 8} bits, and the least is ${MIN_BYTES * 8}`);
  return bytes;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(utf8(text));
}

function invalid(cause: string): TopicError {
  return new TopicError("secret-invalid", { cause });
}
