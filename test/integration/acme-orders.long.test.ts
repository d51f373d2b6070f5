import { X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { entryNames, entryText, readAttemptsEntry } from "../../relay/tls/acme/entries.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { Pebble } from "../../scripts/loopback/pebble.ts";
import { optionsFor, shownTo, startScene } from "../support/acme-scene.ts";
import { eventually } from "../support/eventually.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";
import { hasPebble, itWithPebble } from "../support/requires.ts";

const NAME = "relay.example.test";
const it = itWithPebble();
let pebble: Pebble;

beforeAll(async () => {
  if (hasPebble) pebble = await Pebble.start();
});
afterAll(() => pebble?.stop());

/** How many orders the authority has signed so far. */
const issuedCount = () => pebble.logged(/Issued certificate serial/);

describe("the first order", () => {
  it("is proved by TLS-ALPN-01 on the relay's own port, and its certificate is trusted at once", async () => {
    const scene = await startScene(pebble);

    const status = await scene.issued();

    // Pebble asks three times, and each question is one handshake with the relay.
    expect(scene.challenges.answerCount).toBe(3);
    expect(JSON.stringify(scene.logLines())).not.toMatch(/PRIVATE KEY|acme-challenge|hmac/i);
    expect(await shownTo(pebble.tlsPort, NAME, await pebble.root())).toBe(String(leafOf(scene.served.at(-1))));
    expect(status).toMatchObject({ source: "acme", names: [NAME], isStandIn: false, consecutiveFailures: 0 });
    expect(status.issuer).toMatch(/^Pebble Intermediate CA/);
    expect(status.lastErrorCode).toBeUndefined();
    expect(status.nextAttemptAtMs).toBeGreaterThan(status.notBeforeMs + (status.expiresAtMs - status.notBeforeMs) / 2);
  });

  it("serves a stand-in until then, and says so", async () => {
    const scene = await startScene(pebble, { pace: { startDelayMs: 60_000 } });

    expect(scene.source.status()).toMatchObject({ isStandIn: true, names: [NAME], issuer: NAME });
    expect(await shownTo(pebble.tlsPort, NAME)).toBe(String(leafOf(scene.served[0])));
    expect(scene.store.entries.size).toBe(0);
  });

  it("is proved by HTTP-01 on a port of its own where one is given", async () => {
    const before = pebble.logged(/Starting 3 validations/);
    const scene = await startScene(pebble, { options: { httpPort: pebble.httpPort } });

    await scene.issued();

    // It was asked, and not over TLS.
    expect(pebble.logged(/Starting 3 validations/)).toBe(before + 1);
    expect(scene.challenges.answerCount).toBe(0);
    expect(await shownTo(pebble.tlsPort, NAME, await pebble.root())).toContain("BEGIN CERTIFICATE");
  });

  it("is for all names at once, addresses among them", async () => {
    const names = ["one.example.test", "two.example.test", "127.0.0.1"];
    const scene = await startScene(pebble, { options: { names } });

    await scene.issued();

    expect(scene.challenges.answerCount).toBe(9);
    const altName = leafOf(scene.served.at(-1))?.subjectAltName?.split(", ").toSorted();
    expect(altName).toEqual(["DNS:one.example.test", "DNS:two.example.test", "IP Address:127.0.0.1"]);
  });

  it("has an ECDSA key on P-256", async () => {
    const scene = await startScene(pebble);

    await scene.issued();

    expect(leafOf(scene.served.at(-1))?.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  });
});

describe("a restart", () => {
  it("serves what is kept and orders nothing", async () => {
    const first = await startScene(pebble);
    await first.issued();
    await first.stop();
    const before = issuedCount();

    const second = await startScene(pebble, { store: new MemoryCertificateStore(first.store.entries) });
    await lookedTwice(second.store);

    expect(second.served).toEqual([first.served.at(-1)]);
    expect(second.source.status()).toMatchObject({ isStandIn: false, lastErrorCode: undefined });
    expect(issuedCount()).toBe(before);
  });

  it("without what was kept orders again, with the same account where that is left", async () => {
    const first = await startScene(pebble);
    await first.issued();
    await first.stop();
    const account = entryNames(pebble.directoryUrl, [NAME]).account;
    const before = { issued: issuedCount(), accounts: pebble.logged(/accounts in memory/) };

    const kept = new Map([...first.store.entries].filter(([entry]) => entry === account));
    const second = await startScene(pebble, { store: new MemoryCertificateStore(kept) });
    await second.issued();

    expect(issuedCount()).toBe(before.issued + 1);
    expect(pebble.logged(/accounts in memory/)).toBe(before.accounts);
  });

  it("takes no notice of a certificate from another directory, or of one that has ended", async () => {
    const names = [NAME];
    const entry = entryNames(pebble.directoryUrl, names).certificate;
    const past = createSelfSigned({ names, notBefore: new Date(0), lifetimeDays: 1 });
    const store = new MemoryCertificateStore();
    store.entries.set(entry, entryText({ directoryUrl: pebble.directoryUrl, names, ...past, jitter: 0 }));

    const scene = await startScene(pebble, { store });

    expect(scene.served[0]?.certificate).not.toBe(past.certificate);
    expect((await scene.issued()).issuer).toMatch(/^Pebble/);
  });
});

/** Looks at an ordinary client while the authority is asking. */
class WatchedChallenges extends AlpnChallenges {
  readonly shown: Promise<string>[] = [];

  override contextFor(servername: string): SecureContext | undefined {
    this.shown.push(shownTo(pebble.tlsPort, NAME));
    return super.contextFor(servername);
  }

  override remove(name: string): void {
    // Not before the ordinary clients have been served: the challenge was there all the time.
    void Promise.all(this.shown).then(() => super.remove(name));
  }
}

describe("a renewal", () => {
  it("that an operator asked for replaces an ECDSA certificate, proved by TLS-ALPN-01 again", async () => {
    const scene = await startScene(pebble);
    await scene.issued();
    const first = leafOf(scene.served.at(-1));
    const before = issuedCount();

    await request(scene.store);
    await eventually(() => expect(issuedCount()).toBe(before + 1));
    await eventually(() => expect(scene.served).toHaveLength(3));

    const second = leafOf(scene.served.at(-1));
    expect(second?.serialNumber).not.toBe(first?.serialNumber);
    expect(scene.challenges.answerCount).toBe(6);
    expect(await shownTo(pebble.tlsPort, NAME, await pebble.root())).toBe(String(second));
    const { attempts } = entryNames(pebble.directoryUrl, [NAME]);
    await eventually(() => {
      const known = readAttemptsEntry(scene.store.entries.get(attempts) ?? "");
      expect(known).toMatchObject({ requestedAtMs: undefined, consecutiveFailures: 0 });
      expect(known?.orderedAtMs).toHaveLength(2);
    });
  });

  it("shows ordinary clients the old certificate while the authority is asking", async () => {
    const challenges = new WatchedChallenges();
    const scene = await startScene(pebble, { challenges });
    await scene.issued();
    const old = String(leafOf(scene.served.at(-1)));
    challenges.shown.length = 0;

    await request(scene.store);
    await eventually(() => expect(scene.served).toHaveLength(3));

    expect(challenges.shown).toHaveLength(3);
    expect(new Set(await Promise.all(challenges.shown))).toEqual(new Set([old]));
    expect(await shownTo(pebble.tlsPort, NAME)).not.toBe(old);
  });

  it("takes what another relay with the same store has renewed, and orders nothing itself", async () => {
    const store = new MemoryCertificateStore();
    const other = await startScene(pebble, { store });
    await other.issued();
    const entry = entryNames(pebble.directoryUrl, [NAME]).certificate;
    await other.stop();
    const kept = store.entries.get(entry) ?? "";
    store.entries.delete(entry);
    const scene = await startScene(pebble, { store, pace: { startDelayMs: 200 } });
    const before = issuedCount();

    store.entries.set(entry, kept);
    await scene.issued();

    expect(scene.served.at(-1)).toEqual(other.served.at(-1));
    expect(issuedCount()).toBe(before);
  });
});

/** Answers for other names than were asked. */
class WrongChallenges extends AlpnChallenges {
  override add(name: string): void {
    const wrong = createSelfSigned({ names: [name], notBefore: new Date(), lifetimeDays: 1 });
    super.add(name, wrong);
  }
}

describe("what fails", () => {
  it("is a wrong answer: challenge-failed, with the authority's reason, and no further order before its time", async () => {
    const scene = await startScene(pebble, { challenges: new WrongChallenges() });

    await eventually(() => expect(scene.source.status().lastErrorCode).toBe("challenge-failed"));
    await lookedTwice(scene.store);

    const { nextAttemptAtMs = 0, consecutiveFailures, isStandIn } = scene.source.status();
    expect({ consecutiveFailures, isStandIn }).toEqual({ consecutiveFailures: 1, isStandIn: true });
    expect(nextAttemptAtMs - Date.now()).toBeGreaterThan(11 * 60_000);
    const warnings = scene.logLines().filter(({ level }) => level === 40);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({
      code: "challenge-failed",
      nextAttemptAt: new Date(nextAttemptAtMs).toISOString(),
    });
    expect(warnings[0]?.["reason"]).toMatch(/^relay\.example\.test: unauthorized: .*validation certificate/);
  });

  it("is a port where nobody answers by HTTP: the log has no token", async () => {
    const scene = await startScene(pebble, { options: { httpPort: await freePort() } });

    await eventually(() => expect(scene.source.status().lastErrorCode).toBe("challenge-failed"));

    const reason = scene.logLines().find(({ level }) => level === 40)?.["reason"];
    expect(reason).toMatch(/connection|acme-challenge\/\[hidden\]/);
    expect(reason).not.toMatch(/acme-challenge\/[\w-]{20}/);
  });

  it("is a name that can only be proved in another way: nothing else is tried in its place", async () => {
    const scene = await startScene(pebble, { options: { names: ["*.example.test"] } });

    await eventually(() => expect(scene.source.status().lastErrorCode).toBe("challenge-failed"));

    const reason = scene.logLines().find(({ level }) => level === 40)?.["reason"];
    expect(reason).toMatch(/^example\.test: .*tls-alpn-01.*dns-01/);
  });

  it("is a store that denies writing: nothing is ordered, and the first order follows once it is granted", async () => {
    const store = new MemoryCertificateStore();
    store.saveFailure = "store-denied";
    const before = { orders: pebble.logged(/Added order/), accounts: pebble.logged(/accounts in memory/) };
    const scene = await startScene(pebble, { store });

    await eventually(() => expect(scene.source.status()).toMatchObject({ lastErrorCode: "store-denied" }));
    await eventually(() => expect(scene.source.status().consecutiveFailures).toBeGreaterThan(2));
    expect(pebble.logged(/Added order/)).toBe(before.orders);
    expect(pebble.logged(/accounts in memory/)).toBe(before.accounts);
    store.saveFailure = undefined;
    await scene.issued();

    expect(scene.source.status().lastErrorCode).toBeUndefined();
    expect(scene.logLines().filter(({ level }) => level === 40)).toHaveLength(1);
  });

  it("is a store that is full when the certificate has come: it is served all the same, and kept later", async () => {
    const store = new MemoryCertificateStore();
    const entries = entryNames(pebble.directoryUrl, [NAME]);
    const challenges = new AlpnChallenges();
    const remove = challenges.remove.bind(challenges);
    challenges.remove = (name) => {
      store.saveFailure = "store-full";
      remove(name);
    };
    const scene = await startScene(pebble, { store, challenges });

    await eventually(() =>
      expect(scene.source.status()).toMatchObject({ isStandIn: false, lastErrorCode: "store-full" }),
    );
    const before = pebble.logged(/Added order/);
    expect(store.entries.has(entries.certificate)).toBe(false);
    store.saveFailure = undefined;
    await eventually(() => expect(store.entries.has(entries.certificate)).toBe(true));
    await eventually(() => expect(scene.source.status().lastErrorCode).toBeUndefined());

    expect(pebble.logged(/Added order/)).toBe(before);
  });
});

function leafOf(material: { readonly certificate: string } | undefined): X509Certificate | undefined {
  return material && new X509Certificate(material.certificate);
}

/**
 * Asks for a renewal as the command line does, from an account that has proved nothing yet. Pebble draws from 0 to 99
 * and reuses an authorization unless the draw is above PEBBLE_AUTHZREUSE: at 0, the least it takes, that is one order
 * in a hundred of an account which has one.
 */
async function request(store: MemoryCertificateStore): Promise<void> {
  const { account, attempts } = entryNames(pebble.directoryUrl, optionsFor(pebble).names);
  // The source writes its success last.
  await eventually(() => expect(readAttemptsEntry(store.entries.get(attempts) ?? "")?.lastSuccessAtMs).toBeDefined());
  const known = readAttemptsEntry(store.entries.get(attempts) ?? "");
  if (known === undefined) throw new Error("no attempts are kept");
  store.entries.delete(account);
  await store.save(attempts, entryText({ ...known, requestedAtMs: Date.now() }));
}

/** Waits until the source has asked the store twice more whether somebody wants something: it had the time to order. */
async function lookedTwice(store: MemoryCertificateStore): Promise<void> {
  let count = 0;
  const load = store.load.bind(store);
  store.load = (entry) => {
    if (entry.startsWith("relay-attempts")) count += 1;
    return load(entry);
  };
  await eventually(() => expect(count).toBeGreaterThan(1));
}
