import { MAX_UINT32 } from "./limits.ts";

/**
 * The relay's word for its own certificate: its key, the certificates that it serves, and its signature, so that who knows
 * the key learns whether the certificate that it was shown is the relay's.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 32 | the relay's public key (RFC 8032, Ed25519) |
 * | 32 | 4 | until when it holds: seconds since the epoch, big-endian |
 * | 36 | 1 | the number of certificates, n: 1 to 4 |
 * | 37 | 32 n | the SHA-256 of each, DER: the one that is served now, then those before it |
 * | 37 + 32 n | 64 | the signature: of the context and all bytes before |
 *
 * On the wire it is base64url without padding. Nothing in it is secret, and whoever is in between may pass it on or
 * leave it out: it binds the certificate, and not the connection.
 * @see docs/protocol.md#attestation
 */
export type Attestation = {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Seconds since the epoch, 0..2^32-1. */
  readonly untilSeconds: number;
  /** SHA-256 of certificates, 32 bytes each, 1 to 4 of them. */
  readonly fingerprints: readonly Uint8Array[];
};

/** One that was read: what it says, what has to be signed for it to count, and by what. */
export type ReadAttestation = Attestation & { readonly signed: Uint8Array; readonly signature: Uint8Array };

/** Certificates in one attestation. */
export const MAX_ATTESTED = 4;

const KEY_BYTES = 32;
const FINGERPRINT_BYTES = 32;
const SIGNATURE_BYTES = 64;
const HEAD_BYTES = KEY_BYTES + 5;
/** Tells what is signed here from anything else that the same key may sign. */
const CONTEXT: Uint8Array = new TextEncoder().encode("postern certificate 1\0");

/** Writes what is signed; the attestation is this without the context, and the signature. @throws RangeError for what does not fit */
export function attestationToSign({ publicKey, untilSeconds, fingerprints }: Attestation): Uint8Array {
  const count = fingerprints.length;
  const fits =
    publicKey.length === KEY_BYTES && fingerprints.every((fingerprint) => fingerprint.length === FINGERPRINT_BYTES);
  if (!fits || count < 1 || count > MAX_ATTESTED || !(untilSeconds >= 0 && untilSeconds <= MAX_UINT32)) {
    throw new RangeError("no attestation has this");
  }
  const bytes = new Uint8Array(CONTEXT.length + HEAD_BYTES + count * FINGERPRINT_BYTES);
  const view = new DataView(bytes.buffer, CONTEXT.length);
  bytes.set(CONTEXT);
  bytes.set(publicKey, CONTEXT.length);
  view.setUint32(KEY_BYTES, untilSeconds);
  view.setUint8(KEY_BYTES + 4, count);
  fingerprints.forEach((fingerprint, index) => {
    bytes.set(fingerprint, CONTEXT.length + HEAD_BYTES + index * FINGERPRINT_BYTES);
  });
  return bytes;
}

/** Puts the attestation together of what was signed and its signature. */
export function writeAttestation(signed: Uint8Array, signature: Uint8Array): Uint8Array {
  const statement = signed.subarray(CONTEXT.length);
  const bytes = new Uint8Array(statement.length + signature.length);
  bytes.set(statement);
  bytes.set(signature, statement.length);
  return bytes;
}

/** Reads one. Whether it is signed by its key is for the caller to see. @returns undefined: it is none */
export function readAttestation(bytes: Uint8Array): ReadAttestation | undefined {
  const count = bytes[KEY_BYTES + 4] ?? 0;
  const endOfStatement = HEAD_BYTES + count * FINGERPRINT_BYTES;
  if (count < 1 || count > MAX_ATTESTED || bytes.length !== endOfStatement + SIGNATURE_BYTES) return undefined;
  const signed = new Uint8Array(CONTEXT.length + endOfStatement);
  signed.set(CONTEXT);
  signed.set(bytes.subarray(0, endOfStatement), CONTEXT.length);
  return {
    publicKey: bytes.subarray(0, KEY_BYTES),
    untilSeconds: new DataView(bytes.buffer, bytes.byteOffset).getUint32(KEY_BYTES),
    fingerprints: Array.from({ length: count }, (_, index) => {
      const at = HEAD_BYTES + index * FINGERPRINT_BYTES;
      return bytes.subarray(at, at + FINGERPRINT_BYTES);
    }),
    signed,
    signature: bytes.subarray(endOfStatement),
  };
}
