import { X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createLogger } from "../../relay/observability/logger.ts";
import { FilesSource } from "../../relay/tls/files-source.ts";
import { CertificateFiles, makeFolder, makePair, type Pair } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector } from "../support/relay.ts";

const LOOK_MS = 2000;
const REFUSED = "certificate files cannot be served: the last good certificate stays";
const first = makePair("first");
const second = makePair("second");

it("gives what is in the files at the start, and says what it is", async () => {
  const { source, served } = await watch(new CertificateFiles(first));

  expect(served).toEqual(["first"]);
  expect(source.status()).toMatchObject({
    source: "files",
    names: ["localhost", "127.0.0.1"],
    issuer: "first",
    expiresAtMs: Date.parse(new X509Certificate(first.certificate).validTo),
    isStandIn: false,
    store: undefined,
    nextAttemptAtMs: undefined,
    lastErrorCode: undefined,
    consecutiveFailures: 0,
  });
});

it("takes files that were replaced by renames", async () => {
  const files = new CertificateFiles(first);
  const { served, seen } = await watch(files);

  files.replace(second);

  await seen(() => expect(served).toEqual(["first", "second"]));
});

it("takes files that were written over", async () => {
  const files = new CertificateFiles(first);
  const { served, seen } = await watch(files);

  files.overwrite(second);

  await seen(() => expect(served).toEqual(["first", "second"]));
});

it("takes a link to a link that changes, as a volume of Kubernetes has them", async () => {
  const folder = makeFolder();
  writeVersion(folder, "..2026_1", first);
  symlinkSync("..2026_1", join(folder, "..data"));
  for (const name of ["tls.key", "tls.crt"]) symlinkSync(join("..data", name), join(folder, name));
  const paths = { keyFile: join(folder, "tls.key"), certificateFile: join(folder, "tls.crt") };
  const { served, seen } = await watch(paths);

  writeVersion(folder, "..2026_2", second);
  symlinkSync("..2026_2", join(folder, "..data_tmp"));
  renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  rmSync(join(folder, "..2026_1"), { recursive: true });

  await seen(() => expect(served).toEqual(["first", "second"]));
  expect(readdirSync(folder)).not.toContain("..2026_1");
});

it("takes one file that holds both", async () => {
  const path = join(makeFolder(), "both.pem");
  writeFileSync(path, first.certificate + first.key);
  const { served, seen } = await watch({ keyFile: path, certificateFile: path });

  writeFileSync(path, second.key + second.certificate);

  await seen(() => expect(served).toEqual(["first", "second"]));
});

it.each(["key", "certificate"] as const)(
  "waits without a word while the new %s is there and the other file is not",
  async (early) => {
    const files = new CertificateFiles(first);
    const { served, seen, clock, reads, log } = await watch(files);

    files.overwrite({ [early]: second[early] });
    for (let looks = 0; looks < 4; looks += 1) await reads();
    expect(clock.monotonicMs()).toBeLessThan(10_000);
    files.overwrite(second);

    await seen(() => expect(served).toEqual(["first", "second"]));
    expect(log()).toEqual([]);
  },
);

it("keeps the old certificate where files stay wrong, and says so once", async () => {
  const files = new CertificateFiles(first);
  const { served, seen, reads, log, source } = await watch(files);

  files.overwrite({ key: second.key });
  await seen(() => expect(log()).toHaveLength(1));
  for (let looks = 0; looks < 10; looks += 1) await reads();

  expect(log()).toEqual([
    {
      msg: REFUSED,
      level: "warn",
      code: "files-invalid",
      reason: `${files.certificateFile}: the private key does not fit the first certificate; the server's own has to come first`,
    },
  ]);
  expect(source.status()).toMatchObject({ issuer: "first", lastErrorCode: "files-invalid", consecutiveFailures: 1 });
  expect(served).toEqual(["first"]);
});

it("forgets a failure when good files come, whether old or new", async () => {
  const files = new CertificateFiles(first);
  const { served, seen, log, source } = await watch(files);
  files.overwrite({ certificate: "" });
  await seen(() => expect(log()).toHaveLength(1));

  files.overwrite(first);
  await seen(() => expect(log()).toHaveLength(2));

  expect(log()[1]).toEqual({ msg: "certificate files hold again what is served", level: "info" });
  expect(source.status()).toMatchObject({ lastErrorCode: undefined, consecutiveFailures: 0 });
  files.overwrite(second);
  await seen(() => expect(served).toEqual(["first", "second"]));
});

it("refuses an expired certificate in place of a good one", async () => {
  const files = new CertificateFiles(makePair("long", 30));
  const { served, seen, clock, log } = await watch(files);
  clock.jumpEpoch(5 * 86_400_000);

  files.overwrite(makePair("short", 1));

  await seen(() => expect(log()).toMatchObject([{ msg: REFUSED, reason: expect.stringContaining("has expired") }]));
  expect(served).toEqual(["long"]);
});

it("takes a certificate of tomorrow when tomorrow has come, though no file has changed since", async () => {
  const files = new CertificateFiles(makePair("long", 30));
  const clock = new FakeClock();
  clock.jumpEpoch(Date.now() - clock.epochMs());
  const { served, seen, log } = await watch(files, clock);
  clock.jumpEpoch(-86_400_000);

  files.overwrite(second);
  await seen(() => expect(log()).toMatchObject([{ reason: expect.stringContaining("not valid yet") }]));
  clock.jumpEpoch(86_400_000);

  await seen(() => expect(served).toEqual(["long", "second"]));
});

it("keeps the old certificate while the files are gone, and takes them when they are back", async () => {
  const files = new CertificateFiles(first);
  const { served, seen, log, source } = await watch(files);

  rmSync(files.keyFile);
  await seen(() => expect(log()).toHaveLength(1));
  expect(log()).toMatchObject([{ code: "files-unreadable", reason: `${files.keyFile} cannot be read (ENOENT)` }]);
  expect(source.status()).toMatchObject({ issuer: "first", lastErrorCode: "files-unreadable" });
  files.overwrite(second);

  await seen(() => expect(served).toEqual(["first", "second"]));
});

it.each([
  ["is not there", (files: CertificateFiles) => rmSync(files.keyFile), /key\.pem cannot be read \(ENOENT\)/],
  ["is empty", (files: CertificateFiles) => files.overwrite({ certificate: "" }), /no certificate in PEM form/],
  ["does not fit", (files: CertificateFiles) => files.overwrite({ key: second.key }), /does not fit/],
])("does not start where a file %s, and says what to do", async (_, spoil, message) => {
  const files = new CertificateFiles(first);
  spoil(files);

  const started = watch(files);

  await expect(started).rejects.toMatchObject({
    code: "CERTIFICATE_UNUSABLE",
    message: expect.stringMatching(message),
  });
  await expect(started).rejects.toThrow("Correct what TLS_KEY_FILE and TLS_CERT_FILE name, and start again.");
});

it("looks no more once it has stopped", async () => {
  const files = new CertificateFiles(first);
  const stopped = await watch(files);
  const other = await watch(files, stopped.clock);

  await stopped.source.stop();
  files.overwrite(second);

  await other.seen(() => expect(other.served).toEqual(["first", "second"]));
  expect(stopped.served).toEqual(["first"]);
});

it("never logs a key", async () => {
  const files = new CertificateFiles(first);
  const { seen, log } = await watch(files);

  files.overwrite({ key: second.key.slice(0, 100) });

  await seen(() => expect(log()).toHaveLength(1));
  expect(JSON.stringify(log())).not.toContain(second.key.slice(40, 60));
});

/** A source over files, and what it gives: the issuer of each certificate, in order. */
async function watch(paths: { readonly keyFile: string; readonly certificateFile: string }, clock = todaysClock()) {
  const lines: string[] = [];
  const source = new FilesSource({ clock, log: createLogger("info", collector(lines)) }, paths);
  onTestFinished(() => source.stop());
  const served: string[] = [];
  const take = ({ certificate }: { readonly certificate: string }) => {
    served.push(new X509Certificate(certificate).issuer.replace("CN=", ""));
  };
  take(await source.start(take));
  return {
    source,
    served,
    clock,
    log: () =>
      lines.map((line) => {
        const { time: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
        return rest;
      }),
    /** Lets it look until the claim holds. */
    seen: (claim: () => void) =>
      eventually(() => {
        clock.advance(LOOK_MS);
        claim();
      }),
    /** Lets it look once, and waits until another one that began later has read the same files. */
    reads: async () => {
      clock.advance(LOOK_MS);
      const witness = new FilesSource({ clock, log: createLogger("silent") }, paths);
      await witness.start(() => undefined).catch(() => undefined);
      await witness.stop();
    },
  };
}

function todaysClock(): FakeClock {
  const clock = new FakeClock();
  clock.jumpEpoch(Date.now() - clock.epochMs());
  return clock;
}

function writeVersion(folder: string, name: string, { key, certificate }: Pair): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, "tls.key"), key);
  writeFileSync(join(folder, name, "tls.crt"), certificate);
}
