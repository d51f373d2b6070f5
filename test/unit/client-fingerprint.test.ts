import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { expect, it } from "vitest";
import { parseFingerprint } from "../../client/node/fingerprint.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";

const COLONS = Array.from({ length: 32 }, (_, at) => (at * 8 + 7).toString(16).padStart(2, "0").toUpperCase()).join(
  ":",
);
const BARE = COLONS.replaceAll(":", "");

it.each([
  ["Node and this relay", COLONS],
  ["lower case", COLONS.toLowerCase()],
  ["digits alone", BARE.toLowerCase()],
  ["Firefox, with white space around", ` ${COLONS}\n`],
  ["Chromium", BARE.toLowerCase()],
  ["spaces", COLONS.replaceAll(":", " ")],
  ["dashes", COLONS.replaceAll(":", "-")],
  ["two lines of a window", COLONS.replaceAll(":", " ").replace(/(?<=^.{48})/, "\n")],
  ["openssl of today", `sha256 Fingerprint=${COLONS}`],
  ["older openssl", `SHA256 Fingerprint=${COLONS}`],
  ["a prefix", `sha256:${BARE}`],
  ["another prefix", `SHA-256: ${COLONS}`],
  ["a label", `Fingerprint (SHA-256): ${COLONS}`],
  ["SHA-256 behind the word", `fingerprint sha256 ${COLONS}`],
])("reads a fingerprint as it is shown by: %s", (_, text) => {
  expect(parseFingerprint(text)).toBe(COLONS);
});

it("reads what openssl prints of a certificate here and now", () => {
  const { certificate } = sharedCertificate();
  const args = ["x509", "-noout", "-fingerprint", "-sha256"];
  const printed = execFileSync("openssl", args, { input: certificate, encoding: "utf8" });

  expect(parseFingerprint(printed)).toBe(new X509Certificate(certificate).fingerprint256);
});

it.each([
  ["nothing", ""],
  ["a digit less", BARE.slice(1)],
  ["a digit more", `${BARE}0`],
  ["another letter", `g${BARE.slice(1)}`],
  ["SHA-1", `sha1 Fingerprint=${COLONS.slice(0, 59)}`],
  ["the hash of a public key, as curl takes it", "sha256//YhKJKSzoTt2b5FP18fvpHo7fJYqQCjAa3HWY3tvRMwE="],
  ["two of them", `${COLONS} ${COLONS}`],
  ["much that is none, in no time", " ".repeat(100_000)],
])("knows what is none: %s", (_, text) => {
  expect(parseFingerprint(text)).toBeUndefined();
});
