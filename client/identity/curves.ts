import type { TopicError } from "../errors.ts";
import { subtle } from "../sealing/web-cryptography.ts";
import { identityError } from "./identity-error.ts";

/** A key of the platform's. */
export type PlatformKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

type Bytes = Uint8Array<ArrayBuffer>;

const ED25519 = "Ed25519";
const X25519 = "X25519";

/** Of a public key, of Ed25519 or X25519. */
export const KEY_BYTES = 32;
/** Of a signature of Ed25519. */
export const SIGNATURE_BYTES = 64;

/** A key for X25519 whose private half never leaves the platform. */
export type AgreementKey = { readonly publicKey: Uint8Array; readonly privateKey: PlatformKey };

/** Makes a pair for Ed25519 (RFC 8032). @throws TopicError `identity-unsupported`, `no-cryptography` */
export async function newSigningPair(options: {
  readonly isExtractable: boolean;
}): Promise<{ readonly publicKey: Uint8Array; readonly privateKey: PlatformKey }> {
  return supported(async () => {
    const { publicKey, privateKey } = pairOf(
      await subtle().generateKey(ED25519, options.isExtractable, ["sign", "verify"]),
    );
    return { publicKey: await rawOf(publicKey), privateKey };
  });
}

/** Takes a private key as PKCS #8 (RFC 8410). @throws what the platform does for a wrong one; TopicError as `newSigningPair` */
export function signingKeyOf(pkcs8: Uint8Array): Promise<PlatformKey> {
  return supported(() => subtle().importKey("pkcs8", privateOf(pkcs8), ED25519, true, ["sign"]));
}

/** Signs by Ed25519. */
export async function sign(key: PlatformKey, text: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await subtle().sign(ED25519, key, privateOf(text)));
}

/** Whether a signature is right. Never throws for what came from outside. */
export async function isSigned(publicKey: Uint8Array, signature: Uint8Array, text: Uint8Array): Promise<boolean> {
  try {
    const key = await subtle().importKey("raw", privateOf(publicKey), ED25519, true, ["verify"]);
    return await subtle().verify(ED25519, key, privateOf(signature), privateOf(text));
  } catch {
    return false;
  }
}

/** Makes a key for X25519 (RFC 7748). @throws TopicError as `newSigningPair` */
export function newAgreementKey(): Promise<AgreementKey> {
  return supported(async () => {
    const { publicKey, privateKey } = pairOf(await subtle().generateKey(X25519, false, ["deriveBits"]));
    return { publicKey: await rawOf(publicKey), privateKey };
  });
}

/** What two keys have in common: 32 bytes. @returns undefined: the other key is none, or one that makes every result the same */
export async function agree({ privateKey }: AgreementKey, publicKey: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    const others = await subtle().importKey("raw", privateOf(publicKey), X25519, true, []);
    const shared = new Uint8Array(await subtle().deriveBits({ name: X25519, public: others }, privateKey, 256));
    // RFC 7748 section 6.1. Not every platform refuses it by itself.
    return shared.some((byte) => byte !== 0) ? shared : undefined;
  } catch {
    return undefined;
  }
}

async function rawOf(key: PlatformKey): Promise<Uint8Array> {
  return new Uint8Array(await subtle().exportKey("raw", key));
}

/** The types of some platforms say that there may be one key alone. */
function pairOf(made: PlatformKey | { readonly publicKey: PlatformKey; readonly privateKey: PlatformKey }): {
  readonly publicKey: PlatformKey;
  readonly privateKey: PlatformKey;
} {
  if ("privateKey" in made) return made;
  throw unsupported();
}

async function supported<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // W3C Web Cryptography, section 18.4.4: of an algorithm that is not known.
    throw error instanceof Error && error.name === "NotSupportedError" ? unsupported(error) : error;
  }
}

function unsupported(error?: Error): TopicError {
  const runtime = (globalThis as { readonly navigator?: { readonly userAgent?: string } }).navigator?.userAgent;
  return identityError("identity-unsupported", runtime ?? error?.message ?? "unknown runtime");
}

/** WebCrypto takes no view of shared memory. */
function privateOf(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
