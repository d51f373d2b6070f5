import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import { factsOf, type MaterialRefusal, readMaterial } from "../../relay/tls/material.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { makePair } from "../support/certificate-files.ts";

const NOW_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const rsa = createSelfSigned({ names: ["a.example", "::1"], notBefore: new Date(NOW_MS - DAY_MS), lifetimeDays: 2 });
const ec = makePair("other");

it("takes a key and a chain that fit, and gives what the first certificate says", () => {
  const read = readMaterial(rsa.key, `explanation\n${rsa.certificate}\n${ec.certificate}`, NOW_MS);

  expect(read.refusal).toBeUndefined();
  expect(read.material).toMatchObject({ key: rsa.key, expiresAtMs: NOW_MS + DAY_MS });
  expect(read.facts).toEqual({
    names: ["a.example", "::1"],
    issuer: "a.example",
    notBeforeMs: NOW_MS - DAY_MS,
    expiresAtMs: NOW_MS + DAY_MS,
    fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  });
});

it.each<[MaterialRefusal, string, string]>([
  ["no-key", "", rsa.certificate],
  ["no-key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", rsa.certificate],
  ["key-encrypted", encryptedKey(), rsa.certificate],
  ["no-certificate", rsa.key, ""],
  ["no-certificate", rsa.key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ["no-certificate", rsa.key, `${rsa.certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`],
  ["no-certificate", rsa.key, rsa.certificate.slice(0, 400)],
  ["key-does-not-fit", ec.key, rsa.certificate],
  ["key-does-not-fit", rsa.key, `${ec.certificate}${rsa.certificate}`],
])("refuses with %s", (refusal, key, certificate) => {
  expect(readMaterial(key, certificate, NOW_MS).refusal).toBe(refusal);
});

it.each<[number, MaterialRefusal | undefined]>([
  [NOW_MS - DAY_MS - 1, "not-yet-valid"],
  [NOW_MS - DAY_MS, undefined],
  [NOW_MS + DAY_MS - 1, undefined],
  [NOW_MS + DAY_MS, "expired"],
])("judges at %i, at and beside the ends of the validity: %s", (nowMs, refusal) => {
  const read = readMaterial(rsa.key, rsa.certificate, nowMs);

  expect(read.refusal).toBe(refusal);
  expect(read.facts).toBeDefined();
});

it("refuses what TLS would not take when it is too late: a key that is too weak", () => {
  const weak = makePair("weak", 1, ["-newkey", "rsa:1024"]);

  expect(readMaterial(weak.key, weak.certificate, Date.now() + 1000).refusal).toBe("not-served");
});

it("names a certificate by its common name where it has no other", () => {
  const { certificate } = makePair("only a common name", 1, undefined, []);

  expect(factsOf(certificate)?.names).toEqual(["only a common name"]);
  expect(factsOf("")).toBeUndefined();
});

it("shows the whole issuer where it has no common name", () => {
  const { certificate } = makePair("/C=DE/O=An organisation", 1, undefined, []);

  expect(factsOf(certificate)).toMatchObject({ issuer: "C=DE, O=An organisation", names: [] });
});

function encryptedKey(): string {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" },
  }).privateKey;
}
