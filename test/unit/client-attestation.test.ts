import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { attestedBy } from "../../client/node/attestation.ts";
import { attestationToSign, MAX_ATTESTED, readAttestation } from "../../protocol/attestation.ts";
import { isAttestation } from "../../protocol/fields.ts";
import { attest, newOwnKey } from "../support/attested.ts";

const KEY = newOwnKey();
const NOW_MS = 1_800_000_000_000;
const fingerprint = (seed: number): string =>
  createHash("sha256").update(`${seed}`).digest("hex").toUpperCase().match(/../g)?.join(":") ?? "";
const read = (bytes: Uint8Array, nowMs = NOW_MS) => attestedBy(Buffer.from(bytes).toString("base64url"), nowMs);

it("is read as it was signed, with one certificate and with as many as there may be", () => {
  for (const count of [1, MAX_ATTESTED]) {
    const fingerprints = Array.from({ length: count }, (_, index) => fingerprint(index));
    const bytes = attest(KEY, fingerprints, NOW_MS + 1000);

    expect(read(bytes)).toEqual({ publicKey: KEY.publicText, fingerprints });
    expect(isAttestation(bytes.toString("base64url"))).toBe(true);
  }
});

it("counts until its end, and not at it", () => {
  const bytes = attest(KEY, [fingerprint(1)], NOW_MS);

  expect(read(bytes, NOW_MS - 1)).toBeDefined();
  expect(read(bytes, NOW_MS)).toBeUndefined();
});

it("does not count with any one bit changed, or a byte less or more", () => {
  const good = attest(KEY, [fingerprint(1), fingerprint(2)], NOW_MS + 1000);
  const bad = Array.from(good, (_, index) => {
    const changed = Buffer.from(good);
    changed[index] = (changed[index] ?? 0) ^ (1 << (index % 8));
    return changed;
  });
  const cut = Array.from(good, (_, length) => good.subarray(0, length));

  expect([...bad, ...cut, Buffer.concat([good, Buffer.alloc(1)])].filter((bytes) => read(bytes) !== undefined)).toEqual(
    [],
  );
});

it.each(["", "no base64url!", "A".repeat(512), Buffer.alloc(133).toString("base64url")])(
  "does not count as %j",
  (text) => {
    expect(attestedBy(text, NOW_MS)).toBeUndefined();
  },
);

it("is not the signature of anything else by the same key: the context is part of it", () => {
  const bytes = attest(KEY, [fingerprint(1)], NOW_MS + 1000);
  const statement = bytes.subarray(0, -64);

  expect(read(Buffer.concat([statement, KEY.sign(statement)]))).toBeUndefined();
});

it("cannot be made of no certificate, of too many, or with what is too short", () => {
  const part = { publicKey: KEY.publicKey, untilSeconds: 1 };
  const hash = new Uint8Array(32);

  for (const fingerprints of [[], Array.from({ length: MAX_ATTESTED + 1 }, () => hash), [hash.subarray(1)]]) {
    expect(() => attestationToSign({ ...part, fingerprints })).toThrow(RangeError);
  }
  expect(() => attestationToSign({ ...part, untilSeconds: 2 ** 32, fingerprints: [hash] })).toThrow(RangeError);
  expect(readAttestation(new Uint8Array(0))).toBeUndefined();
});
