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
    const sealed = new Uint8Array(frame.byteLength + TAG_BYTES);
    sealed.set(frame.subarray(0, clearBytes));
    const plaintext = privateOf(frame.subarray(clearBytes));
    sealed.set(new Uint8Array(await crypto.subtle.encrypt(gcm(how), key, plaintext)), clearBytes);
    return sealed;
  }

  async open(key: CryptoKey, frame: Uint8Array, clearBytes: number, how: Sealing): Promise<Uint8Array | undefined> {
    try {
      const plaintext = new Uint8Array(
        await crypto.subtle.decrypt(gcm(how), key, privateOf(frame.subarray(clearBytes))),
      );
      const opened = new Uint8Array(clearBytes + plaintext.byteLength);
      opened.set(frame.subarray(0, clearBytes));
      opened.set(plaintext, clearBytes);
      return opened;
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

function gcm({ nonce, additionalData }: Sealing): { readonly name: string } & Record<"iv" | "additionalData", Bytes> {
  return { name: AES.name, iv: privateOf(nonce), additionalData: privateOf(additionalData) };
}

/** WebCrypto takes no view of shared memory. Bytes of a private buffer are not copied. */
function privateOf(bytes: Uint8Array): Bytes {
  return isPrivate(bytes) ? bytes : new Uint8Array(bytes);
}

function isPrivate(bytes: Uint8Array): bytes is Bytes {
  return bytes.buffer instanceof ArrayBuffer;
}
