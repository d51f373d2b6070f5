import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { budgetAllowsAtMs, ordersOfTheWeek } from "../../relay/tls/acme/budget.ts";
import { DEFAULT_PACE, failureDelayMs, renewalAtMs, storeDelayMs } from "../../relay/tls/acme/schedule.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = 1_800_000_000_000;

/** A certificate that begins now. */
const living = (lifetimeMs: number) => ({ notBeforeMs: NOW_MS, expiresAtMs: NOW_MS + lifetimeMs });

/** Half a minute to a bit more than the 398 days that were once allowed. */
const lifetimes = fc.integer({ min: 10_000, max: 400 * DAY_MS });
const fractions = fc.double({ min: 0, max: 1, noNaN: true });

describe("the moment of a renewal", () => {
  it.each([
    ["90 days", 90 * DAY_MS, 60 * DAY_MS, 55.5 * DAY_MS],
    ["45 days", 45 * DAY_MS, 30 * DAY_MS, 27.75 * DAY_MS],
    ["10 days", 10 * DAY_MS, (20 / 3) * DAY_MS, (20 / 3 - 0.5) * DAY_MS],
    ["160 hours", 160 * HOUR_MS, 80 * HOUR_MS, 72 * HOUR_MS],
    ["90 seconds", 90_000, 45_000, 40_500],
  ])("of a certificate that lives %s", (_, lifetimeMs, latestMs, earliestMs) => {
    expect(renewalAtMs(living(lifetimeMs), undefined, 0) - NOW_MS).toBe(Math.round(latestMs));
    expect(renewalAtMs(living(lifetimeMs), undefined, 1) - NOW_MS).toBe(Math.round(earliestMs));
  });

  it("leaves at least a third of any lifetime, and uses at least 45 hundredths of it", () => {
    fc.assert(
      fc.property(lifetimes, fractions, (lifetimeMs, jitter) => {
        const usedPart = (renewalAtMs(living(lifetimeMs), undefined, jitter) - NOW_MS) / lifetimeMs;
        expect(usedPart).toBeGreaterThan(0.4499);
        expect(usedPart).toBeLessThan(0.6667);
      }),
    );
  });

  it("is in the window of the CA, and never in the last tenth of the lifetime", () => {
    fc.assert(
      fc.property(lifetimes, fractions, fractions, fractions, (lifetimeMs, jitter, from, to) => {
        const startMs = NOW_MS + Math.min(from, to) * lifetimeMs * 2 - lifetimeMs;
        const endMs = startMs + 1 + Math.max(from, to) * lifetimeMs;
        const atMs = renewalAtMs(living(lifetimeMs), { startMs, endMs }, jitter);
        const latestMs = NOW_MS + lifetimeMs * 0.9;
        expect(atMs).toBeLessThanOrEqual(Math.ceil(Math.min(endMs, latestMs)));
        expect(atMs).toBeGreaterThanOrEqual(Math.floor(Math.min(startMs, latestMs)));
      }),
    );
  });

  it("is where the jitter says in the window of the CA, also when that has passed", () => {
    const window = { startMs: NOW_MS - DAY_MS, endMs: NOW_MS + DAY_MS };

    const moments = [0, 0.5, 1].map((jitter) => renewalAtMs(living(90 * DAY_MS), window, jitter) - NOW_MS);

    expect(moments).toEqual([-DAY_MS, 0, DAY_MS]);
  });
});

type More = { retryAfterMs?: number; isPlaced?: boolean; leftMs?: number; random?: number };

/** While a certificate is held that is good for long. */
const delayMs = (count: number, more: More = {}) => {
  const { retryAfterMs, isPlaced = true, leftMs = 398 * DAY_MS, random = 0 } = more;
  return failureDelayMs({ count, isPlaced, retryAfterMs, leftMs }, random, DEFAULT_PACE);
};

describe("the delay after a failure", () => {
  it("is 12 minutes, doubles, and stays at a day", () => {
    const minutes = Array.from({ length: 10 }, (_, index) => delayMs(index + 1) / MINUTE_MS);

    expect(minutes).toEqual([12, 24, 48, 96, 192, 384, 768, 1440, 1440, 1440]);
  });

  it("stays at an hour where nothing was ordered: an authority that is back is noticed soon", () => {
    const minutes = [1, 2, 3, 4, 50].map((count) => delayMs(count, { isPlaced: false }) / MINUTE_MS);

    expect(minutes).toEqual([12, 24, 48, 60, 60]);
  });

  it("is seconds at first where nothing was ordered and no good certificate is held", () => {
    for (const leftMs of [0, -DAY_MS]) {
      const seconds = [1, 2, 3, 8, 9, 10, 50].map((count) => delayMs(count, { isPlaced: false, leftMs }) / 1000);
      expect(seconds).toEqual([10, 20, 40, 1280, 2560, 3600, 3600]);
    }
    expect([1, 2, 3].map((count) => delayMs(count, { leftMs: 0 }) / MINUTE_MS)).toEqual([12, 24, 48]);
  });

  it("is no more than a quarter of what is left of the certificate that is held, once an order has failed often", () => {
    const delays = [40 * DAY_MS, 2 * DAY_MS, 4 * HOUR_MS].map((leftMs) => delayMs(20, { leftMs }) / HOUR_MS);

    expect(delays).toEqual([24, 12, 1]);
    expect(delayMs(20, { leftMs: -1 })).toBe(DAY_MS);
  });

  it("is the first delay near the end of the certificate, or half of what is left, down to 10 seconds", () => {
    const minutes = [40, 24, 20, 1, 1 / 60].map((left) => delayMs(9, { leftMs: left * MINUTE_MS }) / MINUTE_MS);

    expect(minutes).toEqual([12, 12, 10, 1 / 2, 1 / 6]);
  });

  it("never outlives the certificate that is held, where that has more than 20 seconds left", () => {
    const left = fc.integer({ min: 20_001, max: 400 * DAY_MS });
    fc.assert(
      fc.property(
        left,
        fc.integer({ min: 1, max: 100 }),
        fractions,
        fc.boolean(),
        (leftMs, count, random, isPlaced) => {
          expect(delayMs(count, { leftMs, random, isPlaced })).toBeLessThanOrEqual(Math.ceil(leftMs / 2));
        },
      ),
    );
  });

  it("is up to a tenth longer, never shorter", () => {
    expect(delayMs(1, { random: 1 })).toBe(13.2 * MINUTE_MS);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), fractions, fc.boolean(), (count, random, isPlaced) => {
        expect(delayMs(count, { random, isPlaced })).toBeGreaterThanOrEqual(12 * MINUTE_MS);
        expect(delayMs(count, { random, isPlaced })).toBeLessThanOrEqual(1.1 * DAY_MS);
      }),
    );
  });

  it("is no less than the CA asks for, but at most a week", () => {
    expect(delayMs(1, { retryAfterMs: 34 * HOUR_MS })).toBe(34 * HOUR_MS);
    expect(delayMs(1, { retryAfterMs: 1000 })).toBe(12 * MINUTE_MS);
    expect(delayMs(1, { retryAfterMs: 3650 * DAY_MS })).toBe(7 * DAY_MS);
  });

  it("is shorter for the store: 10 seconds, doubling to 5 minutes", () => {
    const seconds = [1, 2, 3, 4, 5, 6, 7, 100].map((count) => storeDelayMs(count, DEFAULT_PACE) / 1000);

    expect(seconds).toEqual([10, 20, 40, 80, 160, 300, 300, 300]);
  });
});

const ago = (...days: readonly number[]) => days.map((day) => NOW_MS - day * DAY_MS);

describe("the budget", () => {
  it("allows three orders in 7 days, and the fourth when the first is 7 days old", () => {
    expect(budgetAllowsAtMs([], undefined, NOW_MS)).toBe(NOW_MS);
    expect(budgetAllowsAtMs(ago(3, 1), undefined, NOW_MS)).toBe(NOW_MS);
    expect(budgetAllowsAtMs(ago(3, 2, 1), undefined, NOW_MS)).toBe(NOW_MS + 4 * DAY_MS);
    expect(budgetAllowsAtMs(ago(7, 2, 1), undefined, NOW_MS)).toBe(NOW_MS);
    expect(budgetAllowsAtMs(ago(7 - 1e-6, 2, 1), undefined, NOW_MS)).toBeGreaterThan(NOW_MS);
  });

  it.each([
    ["90 days", 90 * DAY_MS],
    ["28 days", 28 * DAY_MS],
    ["160 hours", 160 * HOUR_MS],
    ["6 days", 6 * DAY_MS],
  ])("is one of 7 days for a certificate that lives %s", (_, lifetimeMs) => {
    expect(budgetAllowsAtMs(ago(6.9, 6.8, 6.7), lifetimeMs, NOW_MS)).toBe(Math.round(NOW_MS + 0.1 * DAY_MS));
    expect(budgetAllowsAtMs(ago(7, 2, 1), lifetimeMs, NOW_MS)).toBe(NOW_MS);
  });

  it("is one of a lifetime for a certificate that lives less than 6 days, as those of private authorities", () => {
    expect(budgetAllowsAtMs(ago(0.9, 0.5, 0.1), DAY_MS, NOW_MS)).toBe(Math.round(NOW_MS + 0.1 * DAY_MS));
    expect(budgetAllowsAtMs(ago(1, 0.5, 0.1), DAY_MS, NOW_MS)).toBe(NOW_MS);
    expect(budgetAllowsAtMs(ago(5, 2, 1), 6 * DAY_MS - 1, NOW_MS)).toBe(NOW_MS + DAY_MS - 1);
  });

  it("lets every renewal on time through, whatever the lifetime", () => {
    fc.assert(
      fc.property(lifetimes, fc.array(fractions, { minLength: 10, maxLength: 10 }), (lifetimeMs, jitters) => {
        let nowMs = NOW_MS;
        let orders: readonly number[] = [];
        for (const jitter of jitters) {
          expect(budgetAllowsAtMs(orders, lifetimeMs, nowMs)).toBe(nowMs);
          orders = [...orders, nowMs];
          nowMs = renewalAtMs({ notBeforeMs: nowMs, expiresAtMs: nowMs + lifetimeMs }, undefined, jitter);
        }
      }),
    );
  });

  it("counts an order that a clock from the future wrote down, but not for ever", () => {
    expect(budgetAllowsAtMs(ago(-1, -1, -1), undefined, NOW_MS)).toBeGreaterThan(NOW_MS);
    expect(budgetAllowsAtMs(ago(-8, -8, -8), undefined, NOW_MS)).toBe(NOW_MS);
  });

  it("never lets more than three orders into any 7 days, however often it is asked", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 * DAY_MS }), { maxLength: 100 }), (pauses) => {
        let nowMs = NOW_MS;
        let orders: readonly number[] = [];
        for (const pauseMs of pauses) {
          nowMs += pauseMs;
          if (budgetAllowsAtMs(orders, undefined, nowMs) <= nowMs) orders = [...orders, nowMs];
        }
        for (const [index, atMs] of orders.entries()) {
          const fourth = orders[index + 3];
          if (fourth !== undefined) expect(fourth - atMs).toBeGreaterThanOrEqual(7 * DAY_MS);
        }
        expect(ordersOfTheWeek(orders, nowMs).length).toBeLessThanOrEqual(3);
      }),
    );
  });
});
