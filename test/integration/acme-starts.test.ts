import { describe, expect, it } from "vitest";
import { entryNames, entryText, NO_ATTEMPTS, readAccountEntry } from "../../relay/tls/acme/entries.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { StoreError } from "../../relay/tls/store/ports.ts";
import { attemptsIn, NAMES, startSource } from "../support/acme-source.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAuthority } from "../support/fake-authority.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";
import { ShiftedClock } from "../support/shifted-clock.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Keeps a certificate as a relay does that has run before. */
function keep(store: MemoryCertificateStore, { directoryUrl }: FakeAuthority, notBefore: Date, lifetimeDays: number) {
  const material = createSelfSigned({ names: [...NAMES], notBefore, lifetimeDays });
  const entry = { directoryUrl, names: NAMES, ...material, jitter: 0 };
  store.entries.set(entryNames(directoryUrl, NAMES).certificate, entryText(entry));
  return material;
}

/** Fails to load one entry for as long as `failure` is set. */
class PartlyBrokenStore extends MemoryCertificateStore {
  readonly broken: string;
  failure: StoreError | undefined;

  constructor(broken: string, failure: StoreError) {
    super();
    this.broken = broken;
    this.failure = failure;
  }

  override async load(entry: string): Promise<string | undefined> {
    if (entry === this.broken && this.failure !== undefined) throw this.failure;
    return super.load(entry);
  }
}

describe("a start", () => {
  it("serves the kept certificate where the store has lost the way to the record of attempts", async () => {
    const authority = await FakeAuthority.start();
    const { attempts } = entryNames(authority.directoryUrl, NAMES);
    const store = new PartlyBrokenStore(attempts, new StoreError("store-denied", "told to fail"));
    const kept = keep(store, authority, new Date(Date.now() - DAY_MS), 90);

    const { first, source, warnings } = await startSource(authority, { store });

    expect(first.certificate).toBe(kept.certificate);
    expect(source.status()).toMatchObject({ isStandIn: false, lastErrorCode: "store-denied" });
    expect(warnings()).toHaveLength(1);
    store.failure = undefined;
    await eventually(() => expect(source.status().lastErrorCode).toBeUndefined());
    expect(authority.orderCount).toBe(0);
  });

  it("fails with no certificate and no place for one, and leaves nothing running", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    store.prepareFailure = "store-denied";

    const starting = startSource(authority, { store });

    await expect(starting).rejects.toMatchObject({ name: "RelayError", code: "CERTIFICATE_UNUSABLE" });
    expect(authority.accountCount).toBe(0);
  });

  it("serves the kept certificate where the place for the next one is denied", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    store.prepareFailure = "store-denied";
    const kept = keep(store, authority, new Date(Date.now() - DAY_MS), 90);

    const { first } = await startSource(authority, { store });

    expect(first.certificate).toBe(kept.certificate);
  });

  it("goes on with a stand-in where the trouble with the place may pass, or nothing is to be ordered", async () => {
    const authority = await FakeAuthority.start();
    const [full, denied] = [new MemoryCertificateStore(), new MemoryCertificateStore()];
    full.prepareFailure = "store-full";
    denied.prepareFailure = "store-denied";

    const unsure = await startSource(authority, { store: full });
    const unwilling = await startSource(authority, { store: denied, options: { agreeTerms: false } });

    expect([unsure.source.status().isStandIn, unwilling.source.status().isStandIn]).toEqual([true, true]);
  });

  it("is followed by a failure of the store: the log tells when that is asked again, and not of the renewal", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    keep(store, authority, new Date(Date.now() - DAY_MS), 90);
    const pace = { storeDelayMs: 9000, maxStoreDelayMs: 9000 };
    const { source, warnings } = await startSource(authority, { store, pace });

    store.loadFailure = "store-denied";
    await eventually(() => expect(warnings()).toHaveLength(1));

    const [warning] = warnings();
    expect(Date.parse(String(warning?.["nextAttemptAt"])) - Date.now()).toBeLessThanOrEqual(9000);
    expect(source.status().nextAttemptAtMs).toBe(Date.parse(String(warning?.["nextAttemptAt"])));
  });

  it("after a stop in the middle of an order orders at once, and the first order stays counted", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", "nothing");
    const { source, store } = await startSource(authority);
    await eventually(() => expect(authority.orderCount).toBe(1));
    await source.stop();

    expect(attemptsIn(store, authority)).toMatchObject({ consecutiveFailures: 0, notBeforeMs: 0 });
    await startSource(authority, { store });

    await eventually(() => expect(authority.orderCount).toBe(2));
    expect(attemptsIn(store, authority)?.orderedAtMs).toHaveLength(2);
  });

  it("that is held back without a certificate tells the log why, and until when", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    const notBeforeMs = Date.now() + HOUR_MS;
    const crashed = { ...NO_ATTEMPTS, orderedAtMs: [Date.now()], consecutiveFailures: 1, failedOrders: 1, notBeforeMs };
    store.entries.set(entryNames(authority.directoryUrl, NAMES).attempts, entryText(crashed));

    const { source, warnings } = await startSource(authority, { store });

    expect(warnings()).toEqual([
      expect.objectContaining({
        reason: "the relay ended in the middle of an order, without a stop",
        nextAttemptAt: new Date(notBeforeMs).toISOString(),
        msg: "no certificate, and the next order has to wait",
      }),
    ]);
    expect(source.status().nextAttemptAtMs).toBe(notBeforeMs);
  });

  it("shows the first attempt as due from the start on, before the order and while it runs", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", "nothing");
    const beforeMs = Date.now();

    const { source } = await startSource(authority);

    const { nextAttemptAtMs = 0 } = source.status();
    expect(nextAttemptAtMs).toBeGreaterThanOrEqual(beforeMs);
    expect(nextAttemptAtMs).toBeLessThanOrEqual(Date.now());
    await eventually(() => expect(authority.orderCount).toBe(1));
    expect(source.status().nextAttemptAtMs).toBe(nextAttemptAtMs);
  });

  it("orders the first certificate also where the calendar is set back meanwhile", async () => {
    const authority = await FakeAuthority.start();
    const clock = new ShiftedClock();
    clock.shift(DAY_MS);

    await startSource(authority, { clock, pace: { startDelayMs: 50 } });
    clock.shift(-DAY_MS);

    await eventually(() => expect(authority.orderCount).toBe(1));
  });

  it("after the end of a certificate of a day does not wait a week for the budget", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    keep(store, authority, new Date(Date.now() - 2 * DAY_MS), 1);
    const orderedAtMs = [3, 2.5, 2].map((days) => Date.now() - days * DAY_MS);
    store.entries.set(
      entryNames(authority.directoryUrl, NAMES).attempts,
      entryText({ ...NO_ATTEMPTS, orderedAtMs, lastSuccessAtMs: orderedAtMs[2] }),
    );

    await startSource(authority, { store });

    await eventually(() => expect(authority.orderCount).toBe(1));
  });
});

describe("a kept account", () => {
  it.each([
    ["has no key that is PEM", { key: "no PEM" }],
    ["has no key at all", { key: undefined }],
  ])("that %s is made anew, and the log tells so once", async (_, { key }) => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    const { account } = entryNames(authority.directoryUrl, NAMES);
    const entry = { directoryUrl: authority.directoryUrl, key, accountUrl: "https://localhost/account/7", email: "" };
    store.entries.set(account, JSON.stringify(entry));

    const { warnings } = await startSource(authority, { store });

    await eventually(() => expect(authority.orderCount).toBe(1));
    expect(authority.accountCount).toBe(1);
    expect(readAccountEntry(store.entries.get(account) ?? "")?.key).toMatch(/PRIVATE KEY/);
    const told = warnings().filter(({ msg }) => msg === "the kept acme account cannot be read: a new one is made");
    expect(told).toEqual([expect.objectContaining({ entry: account })]);
  });

  it("that the store calls corrupt is made anew", async () => {
    const authority = await FakeAuthority.start();
    const { account } = entryNames(authority.directoryUrl, NAMES);
    const store = new PartlyBrokenStore(account, new StoreError("store-corrupt", "told to fail"));

    await startSource(authority, { store });

    await eventually(() => expect(authority.orderCount).toBe(1));
    expect(authority.accountCount).toBe(1);
  });
});
