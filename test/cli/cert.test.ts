import { EventEmitter } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { AcmeRecords, readHeld } from "../../relay/tls/acme/records.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { DirectoryStore } from "../../relay/tls/store/directory-store.ts";
import { CertificateFiles, makeFolder, makePair } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector } from "../support/relay.ts";

const DAY_MS = 86_400_000;
const NAMES = ["relay.example.com", "b.example.com"];
const DIRECTORY = "https://ca.example/directory";
const ACME = { TLS: "acme", DOMAIN: NAMES.join(","), ACME_DIRECTORY: DIRECTORY };

it("shows the kept certificate, when it is renewed and where it is kept", async () => {
  const { clock, env, keep, folder } = scene();
  await keep({ issuedDaysAgo: 10, days: 90 });

  const { exitCode, stdout } = await cert(["status"], env, clock);

  expect(stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
    ["names", "relay.example.com, b.example.com"],
    ["source", "acme"],
    ["issuer", "relay.example.com"],
    ["fingerprint", expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)],
    ["expires", expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC, in 80 days$/)],
    ["next renewal", expect.stringMatching(/ UTC, in 50 days$/)],
    ["last error", "none"],
    ["store", `directory ${join(folder, "certificates")}`],
    [""],
  ]);
  expect(exitCode).toBe(0);
});

it("shows the same as one JSON object for programs, with times in seconds", async () => {
  const { clock, env, keep, records } = scene();
  await keep({ issuedDaysAgo: 10, days: 90 });
  await records.changeAttempts((known) => ({ ...known, lastSuccessAtMs: clock.epochMs() - 1000 }));

  const { exitCode, stdout } = await cert(["status", "--json"], env, clock);

  const now = clock.epochMs() / 1000;
  expect(JSON.parse(stdout)).toEqual({
    source: "acme",
    has_certificate: true,
    names: NAMES,
    issuer: "relay.example.com",
    fingerprint: expect.any(String),
    not_before: now - 10 * 86_400,
    expires_at: now + 80 * 86_400,
    seconds_to_expiry: 80 * 86_400,
    next_attempt: now + 50 * 86_400,
    last_success: now - 1,
    last_error_code: null,
    consecutive_failures: 0,
    renewal_requested: null,
    store: expect.stringContaining("directory "),
  });
  expect(exitCode).toBe(0);
});

it("exits with 3 where none is kept, and shows what keeps it from coming", async () => {
  const { clock, env, records } = scene();
  const failed = { consecutiveFailures: 2, lastErrorCode: "challenge-failed" } as const;
  await records.changeAttempts((known) => ({ ...known, ...failed, notBeforeMs: clock.epochMs() + 24 * 60_000 }));

  const { exitCode, stdout } = await cert(["status"], env, clock);
  const json = await cert(["status", "--json"], env, clock);

  expect(stdout).toMatch(/^issuer +no certificate that could be served$/m);
  expect(stdout).toMatch(/^next attempt +.* UTC, in 24 min$/m);
  expect(stdout).toMatch(/^last error +challenge-failed, 2 in a row \(docs\/certificates\.md\)$/m);
  expect(JSON.parse(json.stdout)).toMatchObject({ has_certificate: false, seconds_to_expiry: null, expires_at: null });
  expect([exitCode, json.exitCode]).toEqual([3, 3]);
});

it("shows what is in files, and where they are wrong, why", async () => {
  const files = new CertificateFiles(makePair("an issuer"));
  const env = { TLS: "files", TLS_KEY_FILE: files.keyFile, TLS_CERT_FILE: files.certificateFile };

  const good = await cert(["status"], env);
  files.overwrite({ key: "" });
  const bad = await cert(["status"], env);

  expect(good.stdout).toMatch(/^issuer +an issuer$/m);
  expect(good.stdout).toMatch(/^next renewal +by whoever writes the files$/m);
  expect(good.exitCode).toBe(0);
  expect(bad).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("there is no private key in PEM form") });
});

it.each(["self-signed", "off"])("says for TLS=%s that there is nothing to see from outside of a relay", async (tls) => {
  const status = await cert(["status"], { TLS: tls });
  const json = await cert(["status", "--json"], { TLS: tls });

  expect(status).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("give this command the relay's options"),
  });
  expect(JSON.parse(json.stdout)).toMatchObject({ source: tls, note: expect.any(String) });
});

it("tells when the renewal is due, and does nothing without --force", async () => {
  const { clock, env, keep, records } = scene();
  await keep({ issuedDaysAgo: 10, days: 90 });

  const { exitCode, stdout } = await cert(["renew"], env, clock);

  expect(stdout).toMatch(/^The renewal is due at .*, in 50 days\. .* postern cert renew --force\n$/);
  expect((await records.loadAttempts()).requestedAtMs).toBeUndefined();
  expect(exitCode).toBe(0);
});

it("leaves a request, follows the relay that takes it, and shows the new certificate", async () => {
  const { clock, env, keep, records } = scene();
  await keep({ issuedDaysAgo: 10, days: 90 });

  const renewal = cert(["renew", "--force", "--json", "--wait", "3600"], env, clock);
  await until(clock, async () => expect((await records.loadAttempts()).requestedAtMs).toBe(clock.epochMs()), 0);
  await records.changeAttempts((known) => ({ ...known, requestedAtMs: undefined }));
  await until(clock, () => expect(renewal.stderr()).toContain("A relay has taken the request"));
  await keep({ issuedDaysAgo: 0.5, days: 90 });
  await until(clock, () => expect(renewal.stdout()).not.toBe(""));

  expect(JSON.parse(renewal.stdout())).toMatchObject({
    outcome: "renewed",
    issuer: "relay.example.com",
    seconds_to_expiry: expect.closeTo(89.5 * 86_400, -2),
  });
  expect((await renewal).exitCode).toBe(0);
});

it("shows why a forced renewal failed, though an earlier one had failed in the same way", async () => {
  const { clock, env, records } = scene();
  await records.changeAttempts((known) => ({ ...known, lastErrorCode: "ca-unreachable" }));

  const renewal = cert(["renew", "--force", "--json", "--wait", "3600"], env, clock);
  await until(clock, async () => expect((await records.loadAttempts()).requestedAtMs).toBeDefined(), 0);
  await records.changeAttempts((known) => ({ ...known, requestedAtMs: undefined }));
  await until(clock, () => expect(renewal.stderr()).toContain("A relay has taken the request"));
  await records.changeAttempts((known) => ({ ...known, lastErrorCode: "ca-unreachable", consecutiveFailures: 2 }));
  await until(clock, () => expect(renewal.stdout()).not.toBe(""));

  expect(JSON.parse(renewal.stdout())).toMatchObject({
    outcome: "failed",
    last_error_code: "ca-unreachable",
    consecutive_failures: 2,
  });
  expect((await renewal).exitCode).toBe(3);
});

it("says that no relay took the request, and leaves it for one that comes", async () => {
  const { clock, env, records } = scene();

  const renewal = cert(["renew", "--force", "--json", "--wait", "5"], env, clock);
  await until(clock, () => expect(renewal.stdout()).not.toBe(""));

  expect(JSON.parse(renewal.stdout())).toMatchObject({ outcome: "not-taken" });
  expect((await renewal).exitCode).toBe(3);
  expect((await records.loadAttempts()).requestedAtMs).toBeDefined();
  expect((await cert(["status"], env, clock)).stdout).toMatch(/^requested /m);
});

it("gives up following an order that takes longer than --wait", async () => {
  const { clock, env, records } = scene();

  const renewal = cert(["renew", "--force", "--json", "--wait", "60"], env, clock);
  await until(clock, async () => expect((await records.loadAttempts()).requestedAtMs).toBeDefined(), 0);
  await records.changeAttempts((known) => ({ ...known, requestedAtMs: undefined }));
  await until(clock, () => expect(renewal.stdout()).not.toBe(""));

  expect(JSON.parse(renewal.stdout())).toMatchObject({ outcome: "not-finished" });
  expect((await renewal).exitCode).toBe(3);
});

it.each([
  ["files", "somebody else renews"],
  ["self-signed", "renews its self-signed certificate itself"],
  ["off", "there is no certificate to renew"],
])("says for TLS=%s why a request is of no use", async (tls, why) => {
  const env = { TLS: tls, TLS_KEY_FILE: "/key", TLS_CERT_FILE: "/certificate" };

  expect(await cert(["renew"], env)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(why) });
  expect(await cert(["renew", "--force"], env)).toMatchObject({ exitCode: 3, stdout: expect.stringContaining(why) });
});

it("says that a store cannot be used, with its code and without a stack", async () => {
  const { clock, env, folder } = scene();
  const file = join(folder, "file");
  writeFileSync(file, "");

  const { exitCode, stderr } = await cert(["status"], { ...env, STATE_DIRECTORY: file }, clock);

  expect(stderr).toMatch(/^postern: directory .* \(store-denied\)\. Run this as the user of the relay/);
  expect(exitCode).toBe(1);
});

it.each(["x", "-1", "3601", "1.5"])("refuses --wait %s", async (wait) => {
  expect(await cert(["renew", "--force", "--wait", wait], ACME)).toMatchObject({ exitCode: 2 });
});

/** A store of its own, and a way to keep certificates in it. */
function scene() {
  const clock = new FakeClock();
  const folder = makeFolder();
  const store = new DirectoryStore(join(folder, "certificates"));
  const records = new AcmeRecords(store, { directoryUrl: DIRECTORY, names: NAMES });
  const keep = async ({ issuedDaysAgo, days }: { readonly issuedDaysAgo: number; readonly days: number }) => {
    const notBefore = new Date(clock.epochMs() - issuedDaysAgo * DAY_MS);
    const held = readHeld(createSelfSigned({ names: NAMES, notBefore, lifetimeDays: days }), 0, clock.epochMs());
    if (typeof held === "string") throw new Error(held);
    await records.saveCertificate(held);
  };
  return { clock, folder, records, keep, env: { ...ACME, STATE_DIRECTORY: folder } };
}

/** Lets time pass until the claim holds. */
function until(clock: FakeClock, claim: () => void | Promise<void>, stepMs = 2000): Promise<void> {
  return eventually(async () => {
    clock.advance(stepMs);
    await claim();
  });
}

type Result = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs a command; its output can be read while it runs. */
function cert(argv: readonly string[], env: Record<string, string>, clock?: FakeClock) {
  const out: string[] = [];
  const err: string[] = [];
  const streams = { stdout: collector(out), stderr: collector(err) };
  const terminal = { env, ...streams, signals: new EventEmitter(), ...(clock && { clock }) };
  const result = run(["cert", ...argv], terminal).then(
    (exitCode): Result => ({ exitCode, stdout: out.join(""), stderr: err.join("") }),
  );
  return Object.assign(result, { stdout: () => out.join(""), stderr: () => err.join("") });
}
