import { createCipheriv, createDecipheriv, createHmac } from "bare-crypto";
import { type Cryptography, type Sealing, TAG_BYTES } from "../sealing/cryptography.ts";

const ALGORITHM = "aes-256-gcm";
const HASH = "sha256";
const HASH_BYTES = 32;

/** By bare-crypto, at once. A source and a key are their bytes. */
export class BareCryptography implements Cryptography<Uint8Array, Uint8Array> {
  source(material: Uint8Array): Uint8Array {
    return material.slice();
  }

  /** HKDF-SHA-256 of 32 bytes, which is one block (RFC 5869 section 2). */
  derive(source: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array {
    return derived(source, { salt, info, byteCount: HASH_BYTES });
  }

  deriveKey(source: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array {
    return this.derive(source, salt, info);
  }

  seal(key: Uint8Array, frame: Uint8Array, clearBytes: number, how: Sealing): Uint8Array {
    const { roomBytes = 0 } = how;
    const sealedFrom = how.isBound === true ? frame.byteLength : clearBytes;
    const cipher = createCipheriv(ALGORITHM, key, how.nonce);
    cipher.setAAD(Buffer.concat([how.additionalData, frame.subarray(clearBytes, sealedFrom)]));
    cipher.update(frame.subarray(sealedFrom));
    const sealed = new Uint8Array(roomBytes + frame.byteLength + TAG_BYTES).subarray(roomBytes);
    sealed.set(frame.subarray(0, sealedFrom));
    // It seals all of it at its end (bare-crypto 1.15).
    sealed.set(cipher.final(), sealedFrom);
    sealed.set(cipher.getAuthTag(), frame.byteLength);
    return sealed;
  }

  open(key: Uint8Array, frame: Uint8Array, clearBytes: number, how: Sealing): Uint8Array | undefined {
    const end = frame.byteLength - TAG_BYTES;
    if (end < clearBytes) return undefined;
    const sealedFrom = how.isBound === true ? end : clearBytes;
    const decipher = createDecipheriv(ALGORITHM, key, how.nonce);
    decipher.setAAD(Buffer.concat([how.additionalData, frame.subarray(clearBytes, sealedFrom)]));
    decipher.update(frame.subarray(sealedFrom, end));
    decipher.setAuthTag(frame.subarray(end));
    try {
      frame.set(decipher.final(), sealedFrom);
    } catch {
      return undefined;
    }
    return new Uint8Array(frame.buffer, frame.byteOffset, end);
  }
}

/** HKDF-SHA-256 (RFC 5869). @param how `byteCount` up to 8,160. */
export function derived(
  source: Uint8Array,
  how: { readonly salt: Uint8Array; readonly info: Uint8Array; readonly byteCount: number },
): Uint8Array {
  const secret = mac(how.salt, [source]);
  const blocks: Uint8Array[] = [];
  for (let number = 1; (number - 1) * HASH_BYTES < how.byteCount; number += 1) {
    blocks.push(mac(secret, [blocks.at(-1) ?? new Uint8Array(), how.info, Uint8Array.of(number)]));
  }
  return new Uint8Array(Buffer.concat(blocks).subarray(0, how.byteCount));
}

function mac(key: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac(HASH, key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
