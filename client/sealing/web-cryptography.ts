import { TopicError } from "../errors.ts";
import { type Cryptography, type Sealing, TAG_BYTES } from "./cryptography.ts";

/** The platform's own key: named by what makes it, as not every platform's types have a name for it. */
type CryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const HKDF = { name: "HKDF", hash: "SHA-256" };
const AES = { name: "AES-GCM", length: 256 };

/** By WebCrypto: in browsers, Bun, Deno and workerd. A page has it only over https, or on localhost. */
export class WebCryptography implements Cryptography<CryptoKey, CryptoKey> {
  /** @throws TopicError `no-cryptography` */
  source(material: Uint8Array): Promise<CryptoKey> {
    return subtle().importKey("raw", privateOf(material), "HKDF", false, ["deriveBits", "deriveKey"]);
  }

  async derive(source: CryptoKey, salt: Uint8Array, info: Uint8Array): Promise<Uint8Array> {
    return new Uint8Array(await crypto.subtle.deriveBits(hkdf(salt, info), source, 256));
  }

  deriveKey(source: CryptoKey, salt: Uint8Array, info: Uint8Array): Promise<CryptoKey> {
    return crypto.subtle.deriveKey(hkdf(salt, info), source, AES, false, ["encrypt", "decrypt"]);
  }

  async seal(key: CryptoKey, frame: Uint8Array, clearBytes: number, how: Sealing): Promise<Uint8Array> {
    const { roomBytes = 0 } = how;
    const sealed = new Uint8Array(roomBytes + frame.byteLength + TAG_BYTES).subarray(roomBytes);
    const sealedFrom = how.isBound === true ? frame.byteLength : clearBytes;
    sealed.set(frame.subarray(0, sealedFrom));
    const plaintext = privateOf(frame.subarray(sealedFrom));
    const bound = frame.subarray(clearBytes, sealedFrom);
    sealed.set(new Uint8Array(await crypto.subtle.encrypt(gcm(how, bound), key, plaintext)), sealedFrom);
    return sealed;
  }

  async open(key: CryptoKey, frame: Uint8Array, clearBytes: number, how: Sealing): Promise<Uint8Array | undefined> {
    const end = frame.byteLength - TAG_BYTES;
    if (end < clearBytes) return undefined;
    const sealedFrom = how.isBound === true ? end : clearBytes;
    const sealed = privateOf(frame.subarray(sealedFrom));
    try {
      const plaintext = await crypto.subtle.decrypt(gcm(how, frame.subarray(clearBytes, sealedFrom)), key, sealed);
      frame.set(new Uint8Array(plaintext), sealedFrom);
      return new Uint8Array(frame.buffer, frame.byteOffset, end);
    } catch {
      return undefined;
    }
  }
}

/** WebCrypto itself. @throws TopicError `no-cryptography` */
export function subtle(): typeof crypto.subtle {
  // Undefined in a page that came over http, whatever the types say.
  if ((crypto as Partial<typeof crypto>).subtle === undefined) throw new TopicError("no-cryptography");
  return crypto.subtle;
}

type Bytes = Uint8Array<ArrayBuffer>;

function hkdf(salt: Uint8Array, info: Uint8Array): typeof HKDF & Record<"salt" | "info", Bytes> {
  return { ...HKDF, salt: privateOf(salt), info: privateOf(info) };
}

function gcm(
  { nonce, additionalData }: Sealing,
  bound: Uint8Array,
): { readonly name: string } & Record<"iv" | "additionalData", Bytes> {
  const all = new Uint8Array(additionalData.byteLength + bound.byteLength);
  all.set(additionalData);
  all.set(bound, additionalData.byteLength);
  return { name: AES.name, iv: privateOf(nonce), additionalData: all };
}

/** WebCrypto takes no view of shared memory. Bytes of a private buffer are not copied. */
function privateOf(bytes: Uint8Array): Bytes {
  return isPrivate(bytes) ? bytes : new Uint8Array(bytes);
}

function isPrivate(bytes: Uint8Array): bytes is Bytes {
  return bytes.buffer instanceof ArrayBuffer;
}
