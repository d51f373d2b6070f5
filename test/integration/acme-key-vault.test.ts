import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../relay/clock.ts";
import { AcmeSource } from "../../relay/tls/acme/acme-source.ts";
import { AcmeRecords, readHeld } from "../../relay/tls/acme/records.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import type { TlsMaterial } from "../../relay/tls/material.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { KeyVaultStore } from "../../relay/tls/store/key-vault-store.ts";
import { TEST_PACE } from "../support/acme-scene.ts";
import { eventually } from "../support/eventually.ts";
import { FakeKeyVault } from "../support/fake-key-vault.ts";

/** An authority that nobody may ask: the port is closed. */
const OPTIONS = {
  names: ["relay.example.test"],
  email: "",
  directoryUrl: "https://127.0.0.1:9/directory",
  profile: "",
  preferredChain: "",
  eab: undefined,
  httpPort: 0,
  httpHost: "127.0.0.1",
  agreeTerms: true,
  caFile: "",
};

type Scene = {
  readonly vault: FakeKeyVault;
  readonly kept: TlsMaterial;
  readonly source: AcmeSource;
  /** What was served, from the first on. */
  readonly served: TlsMaterial[];
  readonly start: () => Promise<void>;
  /** The codes of the failures in the log. */
  readonly failures: () => readonly unknown[];
};

/** A source over a vault in which an earlier container left a certificate. */
async function open(): Promise<Scene> {
  const vault = await FakeKeyVault.start();
  const place = { vaultUrl: vault.url, clientId: randomBytes(8).toString("hex") };
  const store = new KeyVaultStore(place, { emulator: { ca: vault.ca } });
  const notBefore = new Date(Date.now() - 60_000);
  const kept = createSelfSigned({ names: OPTIONS.names, notBefore, lifetimeDays: 90 });
  const held = readHeld(kept, 0, Date.now());
  if (typeof held === "string") throw new Error(held);
  await new AcmeRecords(store, OPTIONS).saveCertificate(held);
  const lines: string[] = [];
  const log = pino({ level: "warn", base: null }, { write: (line: string) => void lines.push(line) });
  const challenges = new AlpnChallenges();
  const source = new AcmeSource({ clock: systemClock, log, store, challenges }, OPTIONS, TEST_PACE);
  onTestFinished(() => source.stop());
  const served: TlsMaterial[] = [];
  const start = async () => {
    served.push(await source.start((material) => served.push(material)));
  };
  const failures = () => lines.map((line) => (JSON.parse(line) as { readonly code: unknown }).code);
  return { vault, kept, source, served, start, failures };
}

it("serves in a new container what the vault has kept of the one before, and orders nothing", async () => {
  const { vault, kept, source, served, start, failures } = await open();
  const requestCount = vault.seen.length;

  await start();
  // The certificate, the attempts, and then a look for a request.
  await eventually(() => expect(vault.seen.length).toBeGreaterThan(requestCount + 3));

  expect(served.map(({ certificate }) => certificate)).toEqual([kept.certificate]);
  expect(source.status()).toMatchObject({ isStandIn: false, consecutiveFailures: 0, lastErrorCode: undefined });
  expect(failures()).toEqual([]);
  expect(vault.seen.slice(requestCount).filter(({ method }) => method !== "GET")).toEqual([]);
});

it("serves a stand-in until the role works, then what the vault has kept, and orders nothing", async () => {
  const { vault, kept, source, served, start, failures } = await open();
  vault.forbidden.add("getSecret");

  await start();
  const before = source.status();
  vault.forbidden.clear();
  await eventually(() => expect(source.status().isStandIn).toBe(false));

  expect(before).toMatchObject({ isStandIn: true, lastErrorCode: "store-denied" });
  expect(served.at(-1)?.certificate).toBe(kept.certificate);
  await eventually(() => expect(source.status().lastErrorCode).toBeUndefined());
  expect(failures()).toEqual(["store-denied"]);
});
