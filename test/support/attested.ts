import { generateKeyPairSync } from "node:crypto";
import { attestationToSign, writeAttestation } from "../../protocol/attestation.ts";
import { OwnKey } from "../../relay/tls/own-key.ts";
import type { TestRelay } from "./relay.ts";

/** A key of its own for a test. */
export function newOwnKey(): OwnKey {
  return new OwnKey(generateKeyPairSync("ed25519").privateKey);
}

/** The public key that a relay has logged; "": none. */
export function relayKeyOf(relay: TestRelay): string {
  const { publicKey } = relay.logLines().find(({ msg }) => msg === "relay key") ?? {};
  return typeof publicKey === "string" ? publicKey : "";
}

/** Signs for certificates, by their SHA-256 as Node writes it. */
export function attest(key: OwnKey, fingerprints: readonly string[], untilMs: number = Date.now() + 60_000): Buffer {
  const signed = attestationToSign({
    publicKey: key.publicKey,
    untilSeconds: Math.floor(untilMs / 1000),
    fingerprints: fingerprints.map((text) => Buffer.from(text.replaceAll(":", ""), "hex")),
  });
  return Buffer.from(writeAttestation(signed, key.sign(signed)));
}
