import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { addressBytes } from "../address.ts";
import type { TlsMaterial } from "../material.ts";
import { constructedContextTag, contextTag, derOf, tags } from "./der.ts";

const DAY_MS = 86_400_000;

/** Object identifiers, as the octets of DER. */
const oids = {
  /** 1.2.840.10045.4.3.2, RFC 5758 section 3.2. */
  ecdsaWithSha256: "2a8648ce3d040302",
  /** 2.5.4.3 */
  commonName: "550403",
  /** 2.5.29.15, RFC 5280 section 4.2.1.3. */
  keyUsage: "551d0f",
  /** 2.5.29.17, RFC 5280 section 4.2.1.6. */
  subjectAltName: "551d11",
  /** 1.3.6.1.5.5.7.1.31, RFC 8737 section 6.1. */
  acmeIdentifier: "2b0601050507011f",
} as const;

/** RFC 5280 section 4.2.1.6. */
const DNS_NAME = contextTag(2);
const IP_ADDRESS = contextTag(7);

/**
 * Makes the certificate that answers a TLS-ALPN-01 challenge (RFC 8737 section 3): self-signed, for one name, with the
 * digest of the key authorization in it.
 *
 * ECDSA P-256, as the certificates that the relay orders: a TLS context has a place for each kind of key, and where a
 * challenge's is of another kind than the served one's, the handshake takes the served one. With the key usage
 * digitalSignature, which acme-client's lacks: without it, clients with TLS 1.2 refuse an ECDSA certificate.
 */
export function createChallengeCertificate(
  name: string,
  keyAuthorization: string,
  nowMs: number,
): Pick<TlsMaterial, "key" | "certificate"> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const algorithm = sequence(oid("ecdsaWithSha256"));
  const commonName = derOf(tags.utf8String, Buffer.from("ACME challenge"));
  const issuer = sequence(derOf(tags.set, sequence(oid("commonName"), commonName)));
  const signed = sequence(
    // RFC 5280 section 4.1.2.1: 2 is version 3.
    derOf(constructedContextTag(0), derOf(tags.integer, Buffer.from([2]))),
    // The first octet keeps it positive.
    derOf(tags.integer, Buffer.from([1]), randomBytes(15)),
    algorithm,
    issuer,
    // A clock that is a little off, here or there, is not what the challenge is about.
    sequence(utcTime(nowMs - DAY_MS), utcTime(nowMs + 7 * DAY_MS)),
    issuer,
    publicKey,
    derOf(constructedContextTag(3), extensions(name, keyAuthorization)),
  );
  const signature = sign("sha256", signed, privateKey);
  const certificate = sequence(signed, algorithm, derOf(tags.bitString, Buffer.from([0]), signature));
  return { key: privateKey, certificate: pemOf(certificate) };
}

function extensions(name: string, keyAuthorization: string): Buffer {
  const digest = createHash("sha256").update(keyAuthorization).digest();
  const address = addressBytes(name);
  const altName = address === undefined ? derOf(DNS_NAME, Buffer.from(name)) : derOf(IP_ADDRESS, address);
  return sequence(
    // digitalSignature is the first bit; the other seven of the octet are not used.
    extension("keyUsage", derOf(tags.bitString, Buffer.from([7, 0x80]))),
    extension("subjectAltName", sequence(altName)),
    extension("acmeIdentifier", derOf(tags.octetString, digest)),
  );
}

/** All are critical: RFC 8737 demands it of the digest, and of the others it does no harm. */
function extension(id: keyof typeof oids, value: Buffer): Buffer {
  return sequence(oid(id), derOf(tags.boolean, Buffer.from([0xff])), derOf(tags.octetString, value));
}

function sequence(...elements: readonly Buffer[]): Buffer {
  return derOf(tags.sequence, ...elements);
}

function oid(id: keyof typeof oids): Buffer {
  return derOf(tags.oid, Buffer.from(oids[id], "hex"));
}

/** RFC 5280 section 4.1.2.5: `YYMMDDHHMMSSZ`, until 2049. */
function utcTime(epochMs: number): Buffer {
  const digits = new Date(epochMs).toISOString().replaceAll(/[-:T]|\..*/g, "");
  return derOf(tags.utcTime, Buffer.from(`${digits.slice(2)}Z`));
}

function pemOf(certificate: Buffer): string {
  const lines = certificate.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
