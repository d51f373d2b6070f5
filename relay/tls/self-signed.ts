import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import forge from "node-forge";
import type { TlsMaterial } from "./material.ts";

/** What a development certificate says. */
export type SelfSignedOptions = {
  /** Names and addresses it is for; the first is its common name. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly lifetimeDays: number;
};

/**
 * Makes a certificate for development: signed by itself, so clients must be told to trust it.
 * node-forge writes it; the key and the signature come from Node: forge would take seconds for the one, and a sixth of the relay's start for
 * the other. RSA 2048 (RFC 8446 section 9.1:
 * every TLS 1.3 client verifies RSA signatures) because forge writes no ECDSA certificates.
 */
export function createSelfSigned({ names, notBefore, lifetimeDays }: SelfSignedOptions): TlsMaterial {
  const { privateKey: key } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const privateKey = forge.pki.privateKeyFromPem(key);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  // RFC 5280 section 4.1.2.2: at most 20 octets and positive; the leading 01 keeps it so.
  certificate.serialNumber = `01${randomBytes(15).toString("hex")}`;
  certificate.validity.notBefore = notBefore;
  certificate.validity.notAfter = new Date(notBefore.getTime() + lifetimeDays * 86_400_000);
  const subject = [{ name: "commonName", value: names[0] ?? "localhost" }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames: names.map(toAltName) },
  ]);
  privateKey.sign = () => sign("sha256", Buffer.from(signedPartOf(certificate), "latin1"), key).toString("latin1");
  certificate.sign(privateKey, forge.md.sha256.create());
  return {
    key,
    certificate: forge.pki.certificateToPem(certificate),
    expiresAtMs: certificate.validity.notAfter.getTime(),
  };
}

/** What is signed: RFC 5280 section 4.1.1.3. */
function signedPartOf(certificate: forge.pki.Certificate): string {
  return forge.asn1.toDer(certificate.tbsCertificate).getBytes();
}

/** RFC 5280 section 4.2.1.6: 2 is a DNS name, 7 an address. */
function toAltName(name: string): { type: number; value?: string; ip?: string } {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}
