import { fromBase64url, toBase64url } from "../base64url.ts";
import { subtle } from "../sealing/web-cryptography.ts";
import { joinBytes } from "./bytes.ts";
import { KEY_BYTES, newSigningPair, type PlatformKey, signingKeyOf } from "./curves.ts";
import { identityError } from "./identity-error.ts";

/** An Ed25519 key pair. A plain object: a browser can keep it in IndexedDB as it is. */
export type KeyPair = {
  /** 43 characters of base64url. */
  readonly publicKey: string;
  readonly privateKey: PlatformKey;
};

/** RFC 8410 section 7: what stands before the seed in PKCS #8. */
const PKCS8_HEAD = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);
const PEM = /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/;

/**
 * Makes a new key pair.
 * @param options `isExtractable`: false is a private key that no script ever reads, and that cannot be exported; true unless it is set.
 * @throws TopicError `identity-unsupported`, `no-cryptography`
 */
export async function newKeyPair(options: { readonly isExtractable?: boolean | undefined } = {}): Promise<KeyPair> {
  const { publicKey, privateKey } = await newSigningPair({ isExtractable: options.isExtractable ?? true });
  return { publicKey: toBase64url(publicKey), privateKey };
}

/** The private key: the 32 bytes of RFC 8032 section 5.1.5. @throws TopicError `key-invalid` where it cannot be exported */
export async function exportKeyPair({ privateKey }: KeyPair): Promise<Uint8Array> {
  const { d } = await jwkOf(privateKey);
  return seedOf(fromBase64url(d ?? ""));
}

/** The pair of a private key of 32 bytes. @throws TopicError `key-invalid`, `identity-unsupported`, `no-cryptography` */
export async function importKeyPair(seed: Uint8Array): Promise<KeyPair> {
  const privateKey = await signingKeyOf(joinBytes(PKCS8_HEAD, seedOf(seed)));
  const { x } = await jwkOf(privateKey);
  return { publicKey: checkedPublicKey(x ?? ""), privateKey };
}

/** The private key as PKCS #8 in PEM (RFC 8410, RFC 7468 section 10). @throws TopicError as `exportKeyPair` */
export async function exportKeyPairPem(keys: KeyPair): Promise<string> {
  const bytes = joinBytes(PKCS8_HEAD, await exportKeyPair(keys));
  return `-----BEGIN PRIVATE KEY-----\n${btoa(String.fromCharCode(...bytes))}\n-----END PRIVATE KEY-----\n`;
}

/** The pair of a private key in PEM. @throws TopicError as `importKeyPair` */
export function importKeyPairPem(text: string): Promise<KeyPair> {
  const base64 = PEM.exec(text)?.[1]?.replace(/[\s=]/g, "") ?? "";
  const bytes = fromBase64url(base64.replaceAll("+", "-").replaceAll("/", "_"));
  const isKey = bytes?.length === PKCS8_HEAD.length + KEY_BYTES && PKCS8_HEAD.every((byte, at) => bytes[at] === byte);
  return importKeyPair(isKey ? bytes.subarray(PKCS8_HEAD.length) : new Uint8Array());
}

/** A public key as it was given, where it is one. @throws TopicError `key-invalid` */
export function checkedPublicKey(publicKey: string): string {
  publicKeyBytes(publicKey);
  return publicKey;
}

/** The 32 bytes of a public key. @throws TopicError `key-invalid` */
export function publicKeyBytes(publicKey: string): Uint8Array {
  const bytes = fromBase64url(publicKey);
  // The last character has bits to spare: each key has one text.
  if (bytes?.length !== KEY_BYTES || toBase64url(bytes) !== publicKey) {
    throw identityError("key-invalid", "a public key is 32 bytes as 43 characters of base64url");
  }
  return bytes;
}

function seedOf(bytes: Uint8Array | undefined): Uint8Array {
  if (bytes?.length !== KEY_BYTES) throw identityError("key-invalid", "a private key is 32 bytes");
  return bytes;
}

async function jwkOf(key: PlatformKey): Promise<{ readonly d?: string; readonly x?: string }> {
  try {
    // RFC 8037 section 2: both halves, without arithmetic of our own.
    return await subtle().exportKey("jwk", key);
  } catch (error) {
    throw identityError("key-invalid", error);
  }
}
