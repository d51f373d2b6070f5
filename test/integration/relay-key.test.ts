import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { attestedBy } from "../../client/node/attestation.ts";
import { loadConfig } from "../../relay/config/load.ts";
import { ownKeyText } from "../../relay/tls/create-attester.ts";
import { DirectoryStore } from "../../relay/tls/store/directory-store.ts";
import { relayKeyOf } from "../support/attested.ts";
import { CertificateFiles, makeFolder, makePair } from "../support/certificate-files.ts";
import { Client } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

/** What `files` looks after. */
const LOOK_MS = 2000;
const RETRY_MS = 60_000;

const fingerprintOf = (certificate = ""): string => new X509Certificate(certificate).fingerprint256;

/** What a client that asks is told. */
async function attestationOf(relay: TestRelay, asked: object = { attest: true }) {
  const client = await Client.openV1(relay);
  client.send({ type: "join", topic: "t", ...asked });
  const { type, attestation } = await client.next();
  client.socket.close();
  expect(type).toBe("joined");
  return attestation;
}

const attestedOf = async (relay: TestRelay) => attestedBy(String(await attestationOf(relay)), Date.now());

it("is made at the first start, kept, and speaks for the certificate that is served", async () => {
  const keyStore = new MemoryCertificateStore();
  const first = await startRelay({}, undefined, { keyStore });
  const key = relayKeyOf(first);
  const attested = await attestedOf(first);
  await first.stop();
  const second = await startRelay({}, undefined, { keyStore });

  expect(key).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(attested).toEqual({ publicKey: key, fingerprints: [fingerprintOf(first.certificate)] });
  expect(relayKeyOf(second)).toBe(key);
  expect(await attestedOf(second)).toMatchObject({ publicKey: key });
});

it("is told of to those who ask alone, on any join of theirs, with the same bytes", async () => {
  const relay = await startRelay();
  const [asked, again] = [await attestationOf(relay), await attestationOf(relay)];

  expect(asked).toEqual(expect.any(String));
  expect(again).toBe(asked);
  expect(await attestationOf(relay, { attest: false })).toBeUndefined();
  expect(await attestationOf(relay, {})).toBeUndefined();
});

it("speaks for the certificate before too, on which some clients have come", async () => {
  const [before, next] = [makePair("before", 30), makePair("next", 30)];
  const clock = new FakeClock();
  // What openssl makes is good from now on.
  clock.jumpEpoch(Date.now() - clock.epochMs());
  const files = new CertificateFiles(before);
  const options = { tls: "files", tlsKeyFile: files.keyFile, tlsCertFile: files.certificateFile } as const;
  const relay = await startRelay(options, clock);
  const client = await Client.openV1(relay);

  files.replace(next);
  // Once: more would be the time in which a connection has to join.
  clock.advance(LOOK_MS);
  await eventually(() => expect(relay.logLines().filter(({ msg }) => msg === "certificate")).toHaveLength(2));
  client.send({ type: "join", topic: "t", attest: true });
  const { attestation } = await client.next();

  expect(attestedBy(String(attestation), Date.now())?.fingerprints).toEqual([
    fingerprintOf(next.certificate),
    fingerprintOf(before.certificate),
  ]);
});

it("may be a file that openssl has made; another kind, or none, keeps the relay from starting", async () => {
  const folder = makeFolder();
  const [good, other] = [join(folder, "good.pem"), join(folder, "other.pem")];
  execFileSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", good]);
  writeFileSync(other, makePair().key);

  const relay = await startRelay({ relayKeyFile: good });

  expect(await attestedOf(relay)).toMatchObject({ publicKey: relayKeyOf(relay) });
  for (const relayKeyFile of [other, join(folder, "absent.pem")]) {
    await expect(startRelay({ relayKeyFile })).rejects.toMatchObject({ code: "RELAY_KEY_UNUSABLE" });
  }
});

it("is not there while its store fails: the relay serves all the same, warns once, and asks again every minute", async () => {
  const clock = new FakeClock();
  const keyStore = new MemoryCertificateStore();
  keyStore.loadFailure = "store-denied";
  const relay = await startRelay({}, clock, { keyStore });

  expect(await attestationOf(relay)).toBeUndefined();
  clock.advance(RETRY_MS);
  keyStore.loadFailure = undefined;
  await eventually(async () => {
    clock.advance(RETRY_MS);
    expect(await attestationOf(relay)).toEqual(expect.any(String));
  });
  expect(relay.logLines().filter(({ msg }) => String(msg).startsWith("no relay key"))).toHaveLength(1);
});

it("is never replaced where what is kept is no key: clients would take the relay for somebody else", async () => {
  const entries = new Map([["relay-key", "half a key"]]);
  const relay = await startRelay({}, undefined, { keyStore: new MemoryCertificateStore(entries) });

  expect(await attestationOf(relay)).toBeUndefined();
  expect(entries.get("relay-key")).toBe("half a key");
});

it("does not show in the log, whatever happens to it: the public half alone does", async () => {
  const keyStore = new MemoryCertificateStore();
  const relay = await startRelay({}, undefined, { keyStore });
  const kept = keyStore.entries.get("relay-key") ?? "";

  const secret = kept.slice(kept.indexOf("-----\\n") + 7, kept.indexOf("\\n-----END"));
  expect(secret.length).toBeGreaterThan(40);
  expect(JSON.stringify(relay.logLines())).not.toContain(secret);
});

it("has no attestation without TLS", async () => {
  const relay = await startRelay({ tls: "off" });

  expect(await attestationOf(relay)).toBeUndefined();
});

it("is told of by check-config, which makes none", async () => {
  const stateDirectory = makeFolder();
  const config = { ...loadConfig({ flags: {}, env: {} }).config, tls: "acme", stateDirectory } as const;
  const before = await ownKeyText(config);
  const store = new DirectoryStore(join(stateDirectory, "certificates"));
  const relay = await startRelay({}, undefined, { keyStore: store });

  expect(before).toMatch(/^none yet/);
  expect(await ownKeyText(config)).toBe(relayKeyOf(relay));
  expect(await ownKeyText({ ...config, tls: "self-signed" })).toBeUndefined();
});
