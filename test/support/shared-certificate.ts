import { inject } from "vitest";
import type { TlsMaterial } from "../../relay/tls/material.ts";
import { createSelfSigned, type SelfSignedOptions } from "../../relay/tls/self-signed.ts";

const DAY_MS = 86_400_000;

/**
 * A certificate for loopback that signs itself, good for a year, and its key: one for all tests of a run, because making
 * one takes longer than most tests. For servers whose certificate no test is about.
 */
export function sharedCertificate(): TlsMaterial {
  return inject("sharedCertificate");
}

/**
 * In the place of `createSelfSigned`, for relays in tests: the shared one, as if it ended when the wanted one would, where
 * that is about the same time.
 */
export function shareSelfSigned(wanted: SelfSignedOptions): TlsMaterial {
  const shared = sharedCertificate();
  const expiresAtMs = wanted.notBefore.getTime() + wanted.lifetimeDays * DAY_MS;
  return Math.abs(shared.expiresAtMs - expiresAtMs) < DAY_MS / 2
    ? { ...shared, expiresAtMs }
    : createSelfSigned(wanted);
}
