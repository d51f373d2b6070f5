import { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";
import { expect, onTestFinished } from "vitest";
import { certificateId } from "../../relay/tls/acme/ari.ts";
import { entryNames, readAccountEntry, readAttemptsEntry } from "../../relay/tls/acme/entries.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import { Pebble, type PebbleOptions } from "../../scripts/loopback/pebble.ts";
import { type AcmeScene, optionsFor, type SceneOptions, shownTo, startScene } from "../support/acme-scene.ts";
import { type DirectoryAdditions, DirectoryProxy } from "../support/directory-proxy.ts";
import { eventually } from "../support/eventually.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";
import { itWithPebble } from "../support/requires.ts";

const it = itWithPebble();
const NAME = "relay.example.test";

async function startPebble(options: PebbleOptions = {}): Promise<Pebble> {
  const pebble = await Pebble.start(options);
  onTestFinished(() => pebble.stop());
  return pebble;
}

it("orders from an authority that refuses good nonces now and then", async () => {
  const pebble = await startPebble({ nonceRejectPercent: 15 });
  // A request whose nonce is refused is sent again with the nonce of the refusal: one POST more than nonces were fetched.
  const refusedCount = () => pebble.logged(/POST/) - pebble.logged(/HEAD \/nonce-plz/);

  let orderCount = 0;
  for (; orderCount === 0 || (refusedCount() === 0 && orderCount < 10); orderCount += 1) {
    const scene = await startScene(pebble, { pace: { failureDelayMs: 1500 } });
    await scene.issued();
    await scene.stop();
  }

  expect(refusedCount()).toBeGreaterThan(0);
  expect(pebble.logged(/Issued certificate serial/)).toBe(orderCount);
});

it("takes the chain of the issuer that is preferred", async () => {
  const pebble = await startPebble({ alternateRootCount: 2 });
  const [first, third] = await Promise.all([pebble.root(0), pebble.root(2)]);
  const preferredChain = /CN=(.+)/.exec(new X509Certificate(third).subject)?.[1] ?? "";

  const scene = await startScene(pebble, { options: { preferredChain } });
  await scene.issued();

  expect(await shownTo(pebble.tlsPort, NAME, third)).toContain("BEGIN CERTIFICATE");
  await expect(shownTo(pebble.tlsPort, NAME, first)).rejects.toThrow(/certificate/);
  expect(scene.logLines().filter(({ level }) => level === 40)).toEqual([]);
});

it("takes the usual chain where the preferred one is not offered, and says so", async () => {
  const pebble = await startPebble();

  const scene = await startScene(pebble, { options: { preferredChain: "Some Other Root" } });
  const { issuer } = await scene.issued();

  expect(scene.logLines().find(({ level }) => level === 40)).toMatchObject({
    preferredChain: "Some Other Root",
    issuers: [issuer, expect.stringMatching(/^Pebble Root/)],
    msg: "preferred chain not offered",
  });
});

it("binds its account to one that the operator has with the authority, and says so where it has none", async () => {
  const hmacKey = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  const pebble = await startPebble({ externalAccounts: { "kid-1": hmacKey } });
  const without = await startScene(pebble);
  await eventually(() => expect(without.source.status().lastErrorCode).toBe("ca-refused"));
  await without.stop();
  const wrong = await startScene(pebble, { options: { eab: { keyId: "kid-1", hmacKey: "d3Jvbmc" } } });
  await eventually(() => expect(wrong.source.status().lastErrorCode).toBe("ca-refused"));
  await wrong.stop();

  const scene = await startScene(pebble, { store: without.store, options: { eab: { keyId: "kid-1", hmacKey } } });
  await scene.issued();

  const texts = [without, wrong, scene].map(({ logLines }) => JSON.stringify(logLines())).join();
  expect(texts).toContain("ACME_EAB_KEY_ID");
  expect(texts).not.toContain(hmacKey);
});

/** Does something in the middle of an order: while the authority asks. */
class InterruptedChallenges extends AlpnChallenges {
  #interrupt: (() => void) | undefined;

  constructor(interrupt: () => void) {
    super();
    this.#interrupt = interrupt;
  }

  override contextFor(servername: string): SecureContext | undefined {
    this.#interrupt?.();
    this.#interrupt = undefined;
    return super.contextFor(servername);
  }
}

it("stays calm when the authority goes away in the middle of an order, and succeeds once it is back, knowing nothing", async () => {
  const pebble = await startPebble();
  const challenges = new InterruptedChallenges(() => void pebble.kill());
  const soon = { failureDelayMs: 1500, maxFailureDelayMs: 1500, unplacedDelayMs: 1000, maxUnplacedDelayMs: 1000 };
  const scene = await startScene(pebble, { challenges, pace: { ...soon, retryDelaysMs: [50] } });
  await eventually(() => expect(scene.source.status().lastErrorCode).toBe("ca-unreachable"));
  const standIn = scene.served[0]?.certificate;
  expect(await shownTo(pebble.tlsPort, NAME)).toBe(String(new X509Certificate(standIn ?? "")));
  const { entries } = scene.store;
  const { account, attempts } = entryNames(pebble.directoryUrl, [NAME]);
  const before = readAccountEntry(entries.get(account) ?? "");

  await pebble.resume();
  await scene.issued();

  const after = readAccountEntry(entries.get(account) ?? "");
  expect(after?.key).toBe(before?.key);
  expect(after?.accountUrl).not.toBe(before?.accountUrl);
  await eventually(() => {
    expect(readAttemptsEntry(entries.get(attempts) ?? "")).toMatchObject({ consecutiveFailures: 0, notBeforeMs: 0 });
  });
  const messages = scene.logLines().map(({ level, msg }) => [level, msg].join(" "));
  expect(messages).toEqual([
    "30 acme account made",
    "40 certificate attempt failed: what is served stays",
    "30 acme account made",
    "30 certificate attempts succeed again",
  ]);
});

/** A scene whose directory has what Debian's Pebble lacks. */
async function startWithProxy(
  pebble: Pebble,
  additions: DirectoryAdditions,
  { options, ...scene }: SceneOptions = {},
): Promise<{ readonly scene: AcmeScene; readonly proxy: DirectoryProxy }> {
  const proxy = await DirectoryProxy.start(pebble, additions);
  onTestFinished(() => proxy.stop());
  const { directoryUrl, caFile } = proxy;
  return { scene: await startScene(pebble, { ...scene, options: { directoryUrl, caFile, ...options } }), proxy };
}

it("renews when the authority says so, and tells it what the new certificate replaces", async () => {
  const pebble = await startPebble();
  const past = { start: "2026-01-01T00:00:00Z", end: "2026-01-02T00:00:00Z" };
  const later = { start: "2100-01-01T00:00:00Z", end: "2100-01-02T00:00:00Z" };
  const revoked = new Set<string>();
  const { scene, proxy } = await startWithProxy(pebble, {
    renewalInfo: (id) => {
      if (revoked.size === 0) revoked.add(id);
      return { suggestedWindow: revoked.has(id) ? past : later, explanationURL: "https://example.test/why" };
    },
  });

  await eventually(() => expect(proxy.asked).toHaveLength(2));
  await scene.issued();

  const [first, second] = scene.served.slice(1).map(({ certificate }) => certificateId(certificate));
  expect(proxy.asked).toEqual([first, second]);
  expect(proxy.orders.map(({ replaces }) => replaces)).toEqual([undefined, first]);
  const advice = scene.logLines().find(({ msg }) => msg === "renewal window of the CA");
  expect(advice).toMatchObject({ explanation: "https://example.test/why", start: "2026-01-01T00:00:00.000Z" });
});

it("gets its certificate also where the answer to the request to sign is lost, and it is made again", async () => {
  const pebble = await startPebble();

  const { scene, proxy } = await startWithProxy(
    pebble,
    { losesFirst: /^\/finalize-order\// },
    { pace: { retryDelaysMs: [50] } },
  );
  await scene.issued();

  expect(proxy.lost).toHaveLength(1);
  expect(proxy.orders).toHaveLength(1);
  expect(scene.logLines().filter(({ level }) => level === 40)).toEqual([]);
});

it("orders the profile that is wanted, where the authority has it", async () => {
  const pebble = await startPebble();
  const profiles = { classic: "https://example.test/classic", shortlived: "https://example.test/shortlived" };

  const { scene, proxy } = await startWithProxy(pebble, { profiles }, { options: { profile: "shortlived" } });
  await scene.issued();

  expect(proxy.orders).toEqual([{ identifiers: [{ type: "dns", value: NAME }], profile: "shortlived" }]);
});

it("orders nothing where the authority does not have the profile that is wanted", async () => {
  const pebble = await startPebble();

  const { scene, proxy } = await startWithProxy(
    pebble,
    { profiles: { classic: "" } },
    { options: { profile: "shortlived" } },
  );
  await eventually(() => expect(scene.source.status().lastErrorCode).toBe("ca-refused"));

  expect(proxy.orders).toEqual([]);
  const reason = scene.logLines().find(({ level }) => level === 40)?.["reason"];
  expect(reason).toMatch(/shortlived.*classic/);
});

it("keeps its certificate and is not in a hurry where the advice makes no sense", async () => {
  const pebble = await startPebble();
  const store = new MemoryCertificateStore();
  const { scene, proxy } = await startWithProxy(pebble, { renewalInfo: () => ({ suggestedWindow: {} }) }, { store });

  await eventually(() => expect(proxy.asked).toHaveLength(1));

  const { nextAttemptAtMs = 0, notBeforeMs, expiresAtMs, lastErrorCode } = scene.source.status();
  expect(lastErrorCode).toBeUndefined();
  expect((nextAttemptAtMs - notBeforeMs) / (expiresAtMs - notBeforeMs)).toBeGreaterThan(0.6);
  expect(proxy.orders).toHaveLength(1);
  expect(optionsFor(pebble).profile).toBe("");
});
