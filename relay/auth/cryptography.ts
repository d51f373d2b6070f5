import { createHash, createPublicKey, randomBytes, randomInt, verify } from "node:crypto";
import type { Cryptography } from "../session/cryptography.ts";

/** RFC 8410 section 4: an Ed25519 public key as SubjectPublicKeyInfo is this and the key. */
const SPKI_START = Buffer.from("302a300506032b6570032100", "hex");
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Drawn at once: a draw costs more than its bytes. */
const POOL_BYTES = 4096;
const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Node's own. */
export class NodeCryptography implements Cryptography {
  #pool = "";

  randomText(length: number): string {
    if (this.#pool.length < length) this.#pool = randomBytes(POOL_BYTES).toString("base64url");
    const text = this.#pool.slice(0, length);
    this.#pool = this.#pool.slice(length);
    return text;
  }

  randomLetters(length: number): string {
    return Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join("");
  }

  sha256(data: string | Uint8Array): string {
    return createHash("sha256").update(data).digest("hex");
  }

  isSigned(
    message: Uint8Array,
    { publicKey, signature }: { readonly publicKey: Uint8Array; readonly signature: Uint8Array },
  ): boolean {
    if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
    try {
      const key = createPublicKey({ key: Buffer.concat([SPKI_START, publicKey]), format: "der", type: "spki" });
      return verify(null, message, key, signature);
    } catch {
      // 32 bytes that are no point of the curve.
      return false;
    }
  }
}
