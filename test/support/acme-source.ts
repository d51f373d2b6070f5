import { pino } from "pino";
import { expect, onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { AcmeSource } from "../../relay/tls/acme/acme-source.ts";
import { type AttemptsEntry, entryNames, readAttemptsEntry } from "../../relay/tls/acme/entries.ts";
import type { AcmeOptions } from "../../relay/tls/acme/options.ts";
import type { Pace } from "../../relay/tls/acme/schedule.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import type { TlsMaterial } from "../../relay/tls/material.ts";
import type { CertificateStatus } from "../../relay/tls/source.ts";
import { TEST_PACE } from "./acme-scene.ts";
import { eventually } from "./eventually.ts";
import type { FakeAuthority } from "./fake-authority.ts";
import { MemoryCertificateStore } from "./memory-certificate-store.ts";
import { sharedCertificate } from "./shared-certificate.ts";

/** What the sources of these tests ask for. */
export const NAMES: readonly string[] = ["relay.example.test"];

/** What may differ from source to source. */
export type StartOptions = {
  readonly store?: MemoryCertificateStore;
  readonly clock?: Clock;
  readonly options?: Partial<AcmeOptions>;
  readonly pace?: Partial<Pace>;
};

type LogLine = Readonly<Record<string, unknown>>;

/** A source that was started. */
export type StartedSource = {
  readonly source: AcmeSource;
  readonly store: MemoryCertificateStore;
  /** What was served first. */
  readonly first: TlsMaterial;
  /** Waits until there is a failure. */
  readonly failed: () => Promise<CertificateStatus>;
  readonly warnings: () => readonly LogLine[];
};

/** Starts a source without a listener; it stops when the test does. */
export async function startSource(authority: FakeAuthority, given: StartOptions = {}): Promise<StartedSource> {
  const { store = new MemoryCertificateStore(), clock = systemClock } = given;
  const written: string[] = [];
  const log = pino({ level: "info", base: null }, { write: (line: string) => void written.push(line) });
  const options: AcmeOptions = {
    names: NAMES,
    email: "",
    directoryUrl: authority.directoryUrl,
    profile: "",
    preferredChain: "",
    eab: undefined,
    httpPort: 0,
    httpHost: "127.0.0.1",
    agreeTerms: true,
    caFile: authority.caFile,
    ...given.options,
  };
  const pace = { ...TEST_PACE, retryDelaysMs: [], ...given.pace };
  const source = new AcmeSource(
    { clock, log, store, challenges: new AlpnChallenges(), random: () => 0, createStandIn: sharedCertificate },
    options,
    pace,
  );
  const first = await source.start(() => undefined);
  onTestFinished(() => source.stop());
  const failed = async () => {
    await eventually(() => expect(source.status().lastErrorCode).toBeDefined());
    return source.status();
  };
  const warnings = () =>
    written.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ level }) => level === 40);
  return { source, store, first, failed, warnings };
}

/** What the store knows of the attempts. */
export function attemptsIn(store: MemoryCertificateStore, authority: FakeAuthority): AttemptsEntry | undefined {
  return readAttemptsEntry(store.entries.get(entryNames(authority.directoryUrl, NAMES).attempts) ?? "");
}
