import { describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { entryNames, entryText, NO_ATTEMPTS } from "../../relay/tls/acme/entries.ts";
import { attemptsIn, NAMES, startSource } from "../support/acme-source.ts";
import { eventually } from "../support/eventually.ts";
import { FakeAuthority, problem } from "../support/fake-authority.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";
import { ShiftedClock } from "../support/shifted-clock.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Minutes until the source tries again, by this clock. */
function minutesUntil(atMs: number | undefined, clock: Clock = systemClock): number {
  return Math.round(((atMs ?? 0) - clock.epochMs()) / MINUTE_MS);
}

describe("a crash loop", () => {
  it("in the middle of an order places one", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", "nothing");
    const store = new MemoryCertificateStore();

    for (let restart = 0; restart < 10; restart += 1) await crash(authority, store);

    expect({ orders: authority.orderCount, accounts: authority.accountCount }).toEqual({ orders: 1, accounts: 1 });
  });

  it("of a restart every twelve hours for six days places the three orders of the budget", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", "nothing");
    const store = new MemoryCertificateStore();
    const clock = new ShiftedClock();
    authority.clock = clock;

    for (let restart = 0; restart < 12; restart += 1) {
      await crash(authority, store, clock);
      clock.shift(12 * HOUR_MS);
    }

    expect(authority.orderCount).toBe(3);
    expect(attemptsIn(store, authority)).toMatchObject({ lastErrorCode: "budget-spent" });
  });

  it("is let through by an operator, once for each request", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    const orderedAtMs = [1, 2, 3].map((minutes) => Date.now() - minutes * MINUTE_MS);
    const { attempts } = entryNames(authority.directoryUrl, NAMES);
    const held = { ...NO_ATTEMPTS, orderedAtMs, notBeforeMs: Date.now() + HOUR_MS };
    store.entries.set(attempts, entryText({ ...held, requestedAtMs: Date.now() }));

    const { failed } = await startSource(authority, { store });
    const { lastErrorCode } = await failed();

    expect({ lastErrorCode, orders: authority.orderCount }).toEqual({ lastErrorCode: "ca-refused", orders: 1 });
    await eventually(() => {
      expect(attemptsIn(store, authority)).toMatchObject({ requestedAtMs: undefined, lastErrorCode: "ca-refused" });
    });
  });
});

/** A run that ends in the middle of the order that it has placed, or once it knows that it may not order yet. */
async function crash(
  authority: FakeAuthority,
  store: MemoryCertificateStore,
  clock: Clock = systemClock,
): Promise<void> {
  const before = authority.orderCount;
  const { source } = await startSource(authority, { store, clock });
  await eventually(() => {
    const isHeldBack = (source.status().nextAttemptAtMs ?? 0) > clock.epochMs();
    expect(isHeldBack || authority.orderCount > before).toBe(true);
    expect(attemptsIn(store, authority)?.orderedAtMs).toHaveLength(authority.orderCount);
  });
  // What it writes from now on is lost.
  const kept = new Map(store.entries);
  await source.stop();
  for (const [entry, text] of kept) store.entries.set(entry, text);
}

describe("an authority", () => {
  it("that limits the rate is left alone for as long as it asks, and the order does not count", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", problem(429, "rateLimited", "too many certificates", { "retry-after": "122400" }));

    const { failed, store } = await startSource(authority);
    const { lastErrorCode, nextAttemptAtMs } = await failed();

    expect({ lastErrorCode, minutes: minutesUntil(nextAttemptAtMs) }).toEqual({
      lastErrorCode: "rate-limited",
      minutes: 34 * 60,
    });
    await eventually(() => {
      expect(attemptsIn(store, authority)).toMatchObject({ orderedAtMs: [], lastErrorCode: "rate-limited" });
    });
  });

  it("that cannot be reached is tried again after seconds while there is no certificate", async () => {
    const authority = await FakeAuthority.start();

    const { failed, warnings } = await startSource(authority, {
      options: { directoryUrl: "https://localhost:1/dir" },
    });
    const { lastErrorCode, nextAttemptAtMs = 0 } = await failed();

    expect(lastErrorCode).toBe("ca-unreachable");
    expect(nextAttemptAtMs - Date.now()).toBeLessThanOrEqual(10_000);
    expect(warnings()[0]?.["reason"]).toMatch(/^No answer from localhost:1: .*ECONNREFUSED/);
  });

  it("that is not trusted is not talked to", async () => {
    const authority = await FakeAuthority.start();

    const { failed } = await startSource(authority, { options: { caFile: "" } });
    await failed();

    expect(authority.accountCount).toBe(0);
  });

  it("in trouble is asked again within the attempt", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", problem(503, "serverInternal", "maintenance"));

    const { failed } = await startSource(authority, { pace: { retryDelaysMs: [5, 5] } });

    expect((await failed()).lastErrorCode).toBe("ca-unreachable");
    expect(authority.orderCount).toBe(3);
  });

  it("that does not answer ends the attempt in bounded time", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", "nothing");

    const { failed, store } = await startSource(authority, { pace: { orderTimeoutMs: 3000 } });

    expect((await failed()).lastErrorCode).toBe("ca-unreachable");
    // It may have taken the order: that counts.
    await eventually(() => expect(attemptsIn(store, authority)?.orderedAtMs).toHaveLength(1));
  });

  it("that is no ACME directory is named as such", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/dir", { status: 200, body: { hello: "world" } });

    const { failed, warnings } = await startSource(authority);

    expect((await failed()).lastErrorCode).toBe("ca-refused");
    expect(warnings()[0]?.["reason"]).toMatch(/no ACME directory/);
  });

  it.each([
    ["ahead of", 6 * MINUTE_MS],
    ["behind", -6 * MINUTE_MS],
  ])("whose clock says that this one is %s it is not asked for a certificate", async (side, shiftMs) => {
    const authority = await FakeAuthority.start();
    const clock = new ShiftedClock();
    clock.shift(shiftMs);

    const { failed, warnings } = await startSource(authority, { clock });

    expect((await failed()).lastErrorCode).toBe("clock-wrong");
    expect(warnings()[0]?.["reason"]).toContain(`6 minutes ${side}`);
    expect(authority.accountCount).toBe(0);
  });

  it("whose clock is a little off is asked all the same", async () => {
    const authority = await FakeAuthority.start();
    const clock = new ShiftedClock();
    clock.shift(4 * MINUTE_MS);

    const { failed } = await startSource(authority, { clock });

    expect((await failed()).lastErrorCode).toBe("ca-refused");
    expect(authority.orderCount).toBe(1);
  });
});

describe("a source", () => {
  it("without the agreement to the terms makes no account", async () => {
    const authority = await FakeAuthority.start();

    const { failed, source } = await startSource(authority, { options: { agreeTerms: false } });

    expect(await failed()).toMatchObject({
      lastErrorCode: "terms-not-agreed",
      nextAttemptAtMs: undefined,
      isStandIn: true,
    });
    await source.stop();
    expect(authority.accountCount).toBe(0);
  });

  it("tells the log of a failure once, however often it fails", async () => {
    const authority = await FakeAuthority.start();

    const { source, warnings } = await startSource(authority, {
      options: { directoryUrl: "https://localhost:1/dir" },
      pace: { unplacedDelayMs: 5, maxUnplacedDelayMs: 5 },
    });
    await eventually(() => expect(source.status().consecutiveFailures).toBeGreaterThan(4));

    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toMatchObject({
      code: "ca-unreachable",
      nextAttemptAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      msg: "certificate attempt failed: what is served stays",
    });
  });

  it("orders nothing while its store cannot be read, and looks again soon", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    store.loadFailure = "store-unreachable";

    const { failed, source } = await startSource(authority, { store });
    expect((await failed()).lastErrorCode).toBe("store-unreachable");
    await eventually(() => expect(source.status().consecutiveFailures).toBeGreaterThan(2));
    expect(authority.accountCount).toBe(0);
    store.loadFailure = undefined;

    await eventually(() => expect(authority.orderCount).toBe(1));
  });

  it("does not hold up the start for a slow store, and orders nothing before it has answered", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    const slow = Promise.withResolvers<undefined>();
    const load = store.load.bind(store);
    store.load = () => slow.promise;

    const { source } = await startSource(authority, { store, pace: { loadPatienceMs: 20 } });

    expect(source.status()).toMatchObject({ isStandIn: true, lastErrorCode: undefined });
    expect(authority.accountCount).toBe(0);
    store.load = load;
    slow.resolve(undefined);
    await eventually(() => expect(authority.orderCount).toBe(1));
  });

  it("overwrites what it cannot read in its store", async () => {
    const authority = await FakeAuthority.start();
    const store = new MemoryCertificateStore();
    for (const entry of Object.values(entryNames(authority.directoryUrl, NAMES))) store.entries.set(entry, "no JSON");

    const { failed } = await startSource(authority, { store });

    expect((await failed()).lastErrorCode).toBe("ca-refused");
    await eventually(() => expect(attemptsIn(store, authority)?.lastErrorCode).toBe("ca-refused"));
  });

  it("stops at once in the middle of an order", async () => {
    const authority = await FakeAuthority.start();
    authority.answers.set("/order", "nothing");
    const { source, warnings } = await startSource(authority);
    await eventually(() => expect(authority.orderCount).toBe(1));

    const beforeMs = performance.now();
    await source.stop();

    expect(performance.now() - beforeMs).toBeLessThan(5000);
    expect(warnings()).toEqual([]);
  });
});
