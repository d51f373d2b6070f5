import { describe, expect, it } from "vitest";
import { AcmeError } from "../../relay/tls/acme/acme-error.ts";
import { entryNames, entryText, NO_ATTEMPTS, readAttemptsEntry } from "../../relay/tls/acme/entries.ts";
import { OrderLedger } from "../../relay/tls/acme/ledger.ts";
import { AcmeRecords } from "../../relay/tls/acme/records.ts";
import { DEFAULT_PACE } from "../../relay/tls/acme/schedule.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { MemoryCertificateStore } from "../support/memory-certificate-store.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const OPTIONS = { directoryUrl: "https://ca.example/dir", names: ["relay.example"] };
const ENTRY = entryNames(OPTIONS.directoryUrl, OPTIONS.names).attempts;

function open(store = new MemoryCertificateStore(), clock = new FakeClock()) {
  const ledger = new OrderLedger({
    clock,
    records: new AcmeRecords(store, OPTIONS),
    pace: DEFAULT_PACE,
    random: () => 0,
  });
  const kept = () => readAttemptsEntry(store.entries.get(ENTRY) ?? "");
  return { ledger, store, clock, kept };
}

describe("an order", () => {
  it("is written down before it is placed, with what holds back the next one should this process end here", async () => {
    const { ledger, clock, kept } = open();

    await ledger.begin();

    expect(kept()).toEqual({
      ...NO_ATTEMPTS,
      orderedAtMs: [clock.epochMs()],
      consecutiveFailures: 1,
      failedOrders: 1,
      notBeforeMs: clock.epochMs() + 12 * MINUTE_MS,
    });
  });

  it("may not be placed where it cannot be written down, and then does not count", async () => {
    const { ledger, store } = open();
    store.saveFailure = "store-denied";

    await expect(ledger.begin()).rejects.toMatchObject({ code: "store-denied" });

    expect(ledger.attempts).toEqual(NO_ATTEMPTS);
  });

  it("that fails counts as one failure, and the next waits twice as long", async () => {
    const { ledger, clock, kept } = open();
    const waits: number[] = [];

    for (let attempt = 0; attempt < 3; attempt += 1) {
      await ledger.begin();
      await ledger.fail(new AcmeError("challenge-failed", ""));
      waits.push((ledger.heldBackUntilMs - clock.epochMs()) / MINUTE_MS);
    }

    expect(waits).toEqual([12, 24, 48]);
    expect(kept()).toMatchObject({ consecutiveFailures: 3, lastErrorCode: "challenge-failed" });
  });

  it("that the CA did not take is not counted, but its failure is", async () => {
    const { ledger, kept } = open();

    await ledger.begin();
    ledger.withdraw();
    await ledger.fail(new AcmeError("rate-limited", "", { retryAfterMs: 34 * 60 * MINUTE_MS }));

    expect(kept()).toMatchObject({ orderedAtMs: [], consecutiveFailures: 1, lastErrorCode: "rate-limited" });
  });

  it("that succeeds clears what was held back, and stays counted", async () => {
    const { ledger, clock, kept } = open();

    await ledger.begin();
    ledger.succeed();
    await ledger.save();

    expect(kept()).toEqual({ ...NO_ATTEMPTS, orderedAtMs: [clock.epochMs()], lastSuccessAtMs: clock.epochMs() });
  });
});

describe("a failure before an order", () => {
  it("is written down to be seen, and holds back no further start: the operator has put it right", async () => {
    const { ledger, clock, kept } = open();

    await ledger.fail(new AcmeError("ca-refused", "no such profile"));

    expect(kept()).toEqual({ ...NO_ATTEMPTS, consecutiveFailures: 1, lastErrorCode: "ca-refused" });
    expect(ledger.heldBackUntilMs).toBe(clock.epochMs() + 10_000);
  });

  it("is tried again after seconds, doubling, while no certificate is held, and anew after a restart", async () => {
    const { ledger, store, clock } = open();
    const away = new AcmeError("ca-unreachable", "");
    const waits: number[] = [];

    for (let attempt = 0; attempt < 3; attempt += 1) {
      await ledger.fail(away);
      waits.push((ledger.heldBackUntilMs - clock.epochMs()) / 1000);
      clock.advance(60 * MINUTE_MS);
    }
    const next = open(store, clock).ledger;
    await next.load();
    await next.fail(away);

    expect(waits).toEqual([10, 20, 40]);
    expect(next.heldBackUntilMs).toBe(clock.epochMs() + 10_000);
    expect(next.attempts.consecutiveFailures).toBe(4);
  });

  it("is tried again after 12 minutes while a certificate is held, or where the CA limits the rate", async () => {
    const [held, limited] = [open(), open()];

    await held.ledger.fail(new AcmeError("ca-unreachable", ""), held.clock.epochMs() + 30 * DAY_MS);
    await limited.ledger.fail(new AcmeError("rate-limited", ""));

    expect(held.ledger.heldBackUntilMs).toBe(held.clock.epochMs() + 12 * MINUTE_MS);
    expect(limited.ledger.heldBackUntilMs).toBe(limited.clock.epochMs() + 12 * MINUTE_MS);
  });

  it("does not make a failed order after it wait longer", async () => {
    const { ledger, clock, kept } = open();
    for (let attempt = 0; attempt < 8; attempt += 1) await ledger.fail(new AcmeError("ca-unreachable", ""));

    await ledger.begin();
    await ledger.fail(new AcmeError("challenge-failed", ""));

    expect(ledger.heldBackUntilMs).toBe(clock.epochMs() + 12 * MINUTE_MS);
    expect(kept()).toMatchObject({ consecutiveFailures: 9, failedOrders: 1 });
  });

  it("at an operator's request leaves what was held back held back", async () => {
    const { ledger, store, clock } = open();
    const notBeforeMs = clock.epochMs() + DAY_MS;
    store.entries.set(ENTRY, entryText({ ...NO_ATTEMPTS, notBeforeMs, requestedAtMs: 1 }));
    await ledger.load();

    await ledger.takeRequest();
    await ledger.fail(new AcmeError("ca-unreachable", ""));

    expect(ledger.heldBackUntilMs).toBe(notBeforeMs);
  });
});

describe("a stop in the middle of an order", () => {
  it("is no failure and holds nothing back, and the order stays counted", async () => {
    const { ledger, clock, kept } = open();
    await ledger.begin();
    await ledger.fail(new AcmeError("challenge-failed", ""));
    const before = kept();
    clock.advance(60 * MINUTE_MS);

    await ledger.begin();
    await ledger.abandon();

    expect(kept()).toEqual({ ...before, orderedAtMs: [clock.epochMs() - 60 * MINUTE_MS, clock.epochMs()] });
    expect(before?.notBeforeMs).toBeLessThan(clock.epochMs());
  });

  it("writes nothing where no order is under way", async () => {
    const { ledger, store } = open();

    await ledger.abandon();

    expect(store.entries.size).toBe(0);
  });
});

it("does not wait for longer than a quarter of what is left of the certificate that is held", async () => {
  const { ledger, clock } = open();
  const endsAtMs = clock.epochMs() + 2 * DAY_MS;

  for (let attempt = 0; attempt < 9; attempt += 1) {
    await ledger.begin(endsAtMs);
    expect(ledger.heldBackUntilMs - clock.epochMs()).toBeLessThanOrEqual(DAY_MS / 2);
    await ledger.fail(new AcmeError("challenge-failed", ""), endsAtMs);
  }

  expect(ledger.heldBackUntilMs).toBe(clock.epochMs() + DAY_MS / 2);
});

describe("a request of an operator", () => {
  it("is taken once, forgets the failure before it, and ends with the attempt", async () => {
    const { ledger, store, kept } = open();
    store.entries.set(ENTRY, entryText({ ...NO_ATTEMPTS, requestedAtMs: 1 }));

    const requestedAtMs = await ledger.takeRequest();

    expect({ requestedAtMs, isRequested: ledger.isRequested }).toEqual({ requestedAtMs: 1, isRequested: true });
    expect(kept()?.requestedAtMs).toBeUndefined();
    expect(await ledger.takeRequest()).toBeUndefined();
    await ledger.fail(new AcmeError("ca-unreachable", ""));
    expect(kept()).toMatchObject({ lastErrorCode: "ca-unreachable" });
    expect(ledger.isRequested).toBe(false);
  });

  it("stays where the store does not let it be taken", async () => {
    const { ledger, store, kept } = open();
    store.entries.set(ENTRY, entryText({ ...NO_ATTEMPTS, requestedAtMs: 1 }));
    store.saveFailure = "store-denied";

    await expect(ledger.takeRequest()).rejects.toMatchObject({ code: "store-denied" });

    expect({ isRequested: ledger.isRequested, kept: kept()?.requestedAtMs }).toEqual({ isRequested: false, kept: 1 });
  });
});

describe("the budget", () => {
  it("holds back the fourth order in seven days until the first is seven days old, and is no failure", async () => {
    const { ledger, clock } = open();
    for (let order = 0; order < 3; order += 1) {
      ledger.checkBudget(undefined);
      await ledger.begin();
      ledger.succeed();
      clock.advance(DAY_MS);
    }

    const refusal = budgetRefusal(ledger);
    await ledger.fail(refusal);

    expect(refusal).toMatchObject({ code: "budget-spent", retryAfterMs: 4 * DAY_MS });
    expect(ledger.attempts).toMatchObject({ consecutiveFailures: 0, lastErrorCode: "budget-spent" });
    expect(ledger.heldBackUntilMs).toBe(clock.epochMs() + 4 * DAY_MS);
    clock.advance(4 * DAY_MS);
    expect(() => ledger.checkBudget(undefined)).not.toThrow();
  });

  it("bounds a crash loop of 100 restarts, one an hour: each writes its order down, and ends before it knows", async () => {
    const store = new MemoryCertificateStore();
    const clock = new FakeClock();
    const orderedAtHours: number[] = [];

    for (let hour = 0; hour < 100; hour += 1) {
      const { ledger } = open(store, clock);
      await ledger.load();
      if (await mayOrder(ledger, clock)) {
        await ledger.begin();
        orderedAtHours.push(hour);
      }
      clock.advance(60 * MINUTE_MS);
    }

    expect(orderedAtHours).toEqual([0, 1, 2]);
  });

  it("counts what another relay with the same names has ordered", async () => {
    const store = new MemoryCertificateStore();
    const clock = new FakeClock();
    const ledgers = [open(store, clock).ledger, open(store, clock).ledger, open(store, clock).ledger];

    for (const ledger of ledgers) {
      await ledger.load();
      await ledger.begin();
      clock.advance(1000);
    }

    const { ledger } = open(store, clock);
    await ledger.load();
    expect(budgetRefusal(ledger).code).toBe("budget-spent");
  });
});

it("does not believe a record that would hold back for longer than a failure ever does", async () => {
  const { ledger, store, clock } = open();
  store.entries.set(ENTRY, entryText({ ...NO_ATTEMPTS, notBeforeMs: clock.epochMs() + 9 * DAY_MS }));

  await ledger.load();

  expect(ledger.heldBackUntilMs).toBe(0);
});

it("keeps a request that comes while something else is written", async () => {
  const { ledger, store, kept } = open();
  await ledger.begin();
  store.entries.set(ENTRY, entryText({ ...NO_ATTEMPTS, requestedAtMs: 5 }));

  ledger.succeed();
  await ledger.save();

  expect(kept()?.requestedAtMs).toBe(5);
});

/** As the source does it: what is held back, then the budget. */
async function mayOrder(ledger: OrderLedger, clock: FakeClock): Promise<boolean> {
  if (clock.epochMs() < ledger.heldBackUntilMs) return false;
  try {
    ledger.checkBudget(undefined);
    return true;
  } catch (error) {
    if (error instanceof AcmeError) await ledger.fail(error);
    return false;
  }
}

function budgetRefusal(ledger: OrderLedger): AcmeError {
  try {
    ledger.checkBudget(undefined);
  } catch (error) {
    if (error instanceof AcmeError) return error;
    throw error;
  }
  throw new Error("the budget is not spent");
}
