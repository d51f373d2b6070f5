import { createHash, createPublicKey, randomBytes, randomUUID, timingSafeEqual, verify } from "node:crypto";

/** RFC 8410: what stands before the bytes of an Ed25519 key in SPKI. */
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
const NONCE_BYTES = 32;

/** A new challenge: 32 random bytes in base64url. */
export function newNonce(): string {
  return randomBytes(NONCE_BYTES).toString("base64url");
}

/**
 * A new id for a message whose sender gave none: a UUID of version 7 (RFC 9562 section 5.7), which begins with the time. So those of one
 * moment stand side by side in the store's index, and few of its pages are written with each commit.
 */
export function newMessageId(epochMs: number): string {
  const time = Math.floor(epochMs).toString(16).padStart(12, "0");
  // Of version 4 are the random bits behind the version.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** Whether the owner of this key signed this text (RFC 8032). @param key, signature in base64url. */
export function isSignedBy(key: string, text: string, signature: string): boolean {
  try {
    const spki = Buffer.concat([PUBLIC_PREFIX, Buffer.from(key, "base64url")]);
    const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
    return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64url"));
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}

/** What is kept of a secret. */
export function hashOfSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}

/** Whether this is the secret of which that was kept. */
export function isSecretOf(secret: string, hash: string): boolean {
  const [given, kept] = [Buffer.from(hashOfSecret(secret)), Buffer.from(hash)];
  return given.length === kept.length && timingSafeEqual(given, kept);
}
