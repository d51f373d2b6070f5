import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIPv6 } from "node:net";
import { createSecureContext } from "node:tls";
import { CIPHERS } from "./posture.ts";

/** A private key and the chain that proves it, both PEM, the certificate of the server first. */
export type TlsMaterial = {
  readonly key: string;
  readonly certificate: string;
  /** When the first certificate ends, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
};

/** What the first certificate of a chain says of itself. Times are milliseconds since the epoch. */
export type CertificateFacts = {
  /** DNS names and addresses; the common name where it has neither. */
  readonly names: readonly string[];
  /** The issuer's common name, or the whole issuer where it has none. */
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  /** SHA-256 as `AB:CD:...`: what clients compare. */
  readonly fingerprint: string;
};

/** Why a key and a chain cannot be served. */
export type MaterialRefusal = keyof typeof refusalSentences;

/** Each refusal as a sentence for operators. */
export const refusalSentences = {
  "no-key": "there is no private key in PEM form",
  "key-encrypted": "the private key has a passphrase; the relay takes none",
  "no-certificate": "there is no certificate in PEM form",
  "key-does-not-fit": "the private key does not fit the first certificate; the server's own has to come first",
  "not-yet-valid": "the certificate is not valid yet; or the clock of this machine is wrong",
  expired: "the certificate has expired; or the clock of this machine is wrong",
  "not-served": "TLS refuses it: the key or a signature is too weak, or of a kind it does not know",
} as const;

/** A pair that can be served, with its facts; or why not. `facts` is there where the certificate could be read at all. */
export type ReadMaterial =
  | { readonly refusal?: undefined; readonly material: TlsMaterial; readonly facts: CertificateFacts }
  | { readonly refusal: MaterialRefusal; readonly material?: undefined; readonly facts?: CertificateFacts };

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Checks that a key and a chain can be served now: that they are PEM, fit together, and that TLS takes them.
 * Only the first certificate is judged by its dates; of the rest, clients decide what they need. Never throws.
 */
export function readMaterial(key: string, certificate: string, nowMs: number): ReadMaterial {
  const privateKey = readKey(key);
  if (typeof privateKey === "string") return { refusal: privateKey };
  const first = firstCertificate(certificate);
  if (first === undefined) return { refusal: "no-certificate" };
  const facts = factsFrom(first);
  if (!first.checkPrivateKey(privateKey)) return { refusal: "key-does-not-fit", facts };
  if (!isServed(key, certificate)) return { refusal: "not-served", facts };
  if (nowMs < facts.notBeforeMs) return { refusal: "not-yet-valid", facts };
  if (nowMs >= facts.expiresAtMs) return { refusal: "expired", facts };
  return { material: { key, certificate, expiresAtMs: facts.expiresAtMs }, facts };
}

/** The facts of the first certificate in a PEM chain; undefined where there is none. */
export function factsOf(certificate: string): CertificateFacts | undefined {
  const first = firstCertificate(certificate);
  return first === undefined ? undefined : factsFrom(first);
}

/** The common names of the issuers in a PEM chain, that of the first certificate first. */
export function issuersOf(chain: string): readonly string[] {
  return (chain.match(CERTIFICATE) ?? []).flatMap((block) => commonNameOf(new X509Certificate(block).issuer) ?? []);
}

function readKey(key: string): KeyObject | "no-key" | "key-encrypted" {
  if (!key.includes("PRIVATE KEY-----")) return "no-key";
  try {
    return createPrivateKey(key);
  } catch {
    // Which of the two it is stands in the text itself: PKCS #8 (RFC 7468 section 11), or the older form's header.
    return /BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(key) ? "key-encrypted" : "no-key";
  }
}

/** RFC 7468 section 5.1: text outside of the blocks is explanation. Every block has to be a certificate. */
function firstCertificate(chain: string): X509Certificate | undefined {
  try {
    return (chain.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block))[0];
  } catch {
    return undefined;
  }
}

function factsFrom(certificate: X509Certificate): CertificateFacts {
  return {
    names: namesOf(certificate),
    issuer: commonNameOf(certificate.issuer) ?? certificate.issuer.replaceAll("\n", ", "),
    notBeforeMs: Date.parse(certificate.validFrom),
    expiresAtMs: Date.parse(certificate.validTo),
    fingerprint: certificate.fingerprint256,
  };
}

/** Node writes `DNS:a.example, IP Address:192.0.2.1`. RFC 6125 section 6.4.4: the common name counts only without these. */
function namesOf({ subjectAltName = "", subject }: X509Certificate): readonly string[] {
  const names = subjectAltName.split(", ").flatMap((entry) => {
    const name = /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1];
    return name === undefined ? [] : [isIPv6(name) ? shortAddress(name) : name];
  });
  if (names.length > 0) return names;
  const commonName = commonNameOf(subject);
  return commonName === undefined ? [] : [commonName];
}

/** RFC 5952, as people write it: `0:0:0:0:0:0:0:1` is `::1`. */
function shortAddress(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** Node writes one attribute per line. */
function commonNameOf(distinguishedName: string): string | undefined {
  return /^CN=(.+)$/m.exec(distinguishedName)?.[1];
}

function isServed(key: string, cert: string): boolean {
  try {
    createSecureContext({ key, cert, ciphers: CIPHERS });
    return true;
  } catch {
    return false;
  }
}
