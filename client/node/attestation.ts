import { createPublicKey, verify } from "node:crypto";
import { readAttestation } from "../../protocol/attestation.ts";

/** What a relay says of its certificates, signed by its own key and still good. */
export type Attested = {
  /** Base64url, 43 characters. */
  readonly publicKey: string;
  /** SHA-256 of the certificates that it serves, as Node writes them: `AB:CD:...`. */
  readonly fingerprints: readonly string[];
};

/**
 * Reads the `attestation` of a `joined`, and checks its signature and its time. Whose key it is, is not looked at.
 * @returns undefined: there is none, or it is not signed by the key in it, or it has ended.
 */
export function attestedBy(text: string | undefined, nowMs: number): Attested | undefined {
  const read = text === undefined ? undefined : readAttestation(Buffer.from(text, "base64url"));
  if (read === undefined || nowMs >= read.untilSeconds * 1000) return undefined;
  const publicKey = Buffer.from(read.publicKey).toString("base64url");
  return isSigned(publicKey, read.signed, read.signature)
    ? { publicKey, fingerprints: read.fingerprints.map(asNodeWrites) }
    : undefined;
}

function isSigned(x: string, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(null, signed, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }), signature);
  } catch {
    // Not every 32 bytes are a key.
    return false;
  }
}

function asNodeWrites(fingerprint: Uint8Array): string {
  return Buffer.from(fingerprint).toString("hex").toUpperCase().match(/../g)?.join(":") ?? "";
}
