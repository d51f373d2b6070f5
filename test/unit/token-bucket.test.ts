import fc from "fast-check";
import { expect, it } from "vitest";
import { ratesOf, SenderRate } from "../../relay/limits/sender-rate.ts";
import { TokenBucket } from "../../relay/limits/token-bucket.ts";

it("has its burst at once, and not one more", () => {
  const bucket = new TokenBucket({ perSecond: 5, burst: 10 }, 0);

  const taken = Array.from({ length: 11 }, () => bucket.tryTake(0));

  expect(taken).toEqual([...Array.from({ length: 10 }, () => true), false]);
});

it("has one more when its time has come, and not before", () => {
  const bucket = new TokenBucket({ perSecond: 5, burst: 1 }, 0);
  bucket.take(1);
  const { waitMs } = bucket;

  const taken = [bucket.tryTake(waitMs - 1), bucket.tryTake(waitMs), bucket.tryTake(waitMs)];

  expect(waitMs).toBeCloseTo(200);
  expect(taken).toEqual([false, true, false]);
});

it("saves no more than its burst, however long nobody takes anything", () => {
  const bucket = new TokenBucket({ perSecond: 5, burst: 3 }, 0);

  const taken = Array.from({ length: 5 }, () => bucket.tryTake(1_000_000));

  expect(taken.filter(Boolean)).toHaveLength(3);
});

it("holds at least one token, or nothing could ever be sent", () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 0 }, 0);

  expect(bucket.tryTake(0)).toBe(true);
  expect(bucket.tryTake(999)).toBe(false);
  expect(bucket.tryTake(1000)).toBe(true);
});

it("has whoever takes more than there is wait for all of it", () => {
  const bucket = new TokenBucket({ perSecond: 1000, burst: 1000 }, 0);

  bucket.take(5000);

  expect(bucket.waitMs).toBeCloseTo(4001);
});

it("never gives more than its rate and one burst, whatever the steps of time", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.integer({ min: 1, max: 100 }),
      fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 200 }),
      (perSecond, burst, steps) => {
        const bucket = new TokenBucket({ perSecond, burst }, 0);
        let nowMs = 0;
        let taken = 0;
        for (const step of steps) {
          nowMs += step;
          while (bucket.tryTake(nowMs)) taken += 1;
        }
        expect(taken).toBeLessThanOrEqual(burst + (nowMs * perSecond) / 1000 + 1e-6);
      },
    ),
  );
});

it("waits for the one that is used up of messages and bytes", () => {
  const rate = new SenderRate(ratesOf(10, 1000, 1000), 0);

  rate.tookMessage();
  rate.tookBytes(999);
  const waitAtBoundMs = rate.waitMs;
  rate.tookBytes(1);

  expect(waitAtBoundMs).toBe(0);
  expect(rate.waitMs).toBeCloseTo(1);
});

it("makes nobody wait for a rate of 0, which is no limit", () => {
  const rate = new SenderRate(ratesOf(0, 0, 1000), 0);

  for (let count = 0; count < 100_000; count += 1) rate.tookMessage();
  rate.tookBytes(1e12);

  expect(rate.waitMs).toBe(0);
});

it("owes no more than what was taken last, or 5 seconds of its rate: who takes and goes leaves no endless debt", () => {
  const small = new TokenBucket({ perSecond: 10, burst: 1 }, 0);
  const large = new TokenBucket({ perSecond: 10, burst: 1 }, 0);

  for (let count = 0; count < 1000; count += 1) small.take(1);
  for (let count = 0; count < 1000; count += 1) large.take(200);

  expect(small.waitMs).toBeLessThanOrEqual(5100);
  expect(large.waitMs).toBeLessThanOrEqual(20_100);
  expect(large.waitMs).toBeGreaterThan(19_900);
});
