import { expect, it } from "vitest";
import { LatencyHistogram, latencyBuckets, quantileSeconds } from "../../relay/observability/latency-histogram.ts";

it("counts a duration in the bucket whose bound it does not exceed, at the bound and one past it", () => {
  const histogram = new LatencyHistogram();

  for (const latencyMs of [0, 0.5, 0.51, 10_000, 10_001]) histogram.record(latencyMs);

  const { cumulative, count, sumSeconds } = histogram.read();
  expect(cumulative[0]).toBe(2);
  expect(cumulative[1]).toBe(3);
  expect(cumulative.at(-1)).toBe(4);
  expect(count).toBe(5);
  expect(sumSeconds).toBeCloseTo(20.00201);
});

it("tells a quantile of what came between two readings, as the bound of its bucket", () => {
  const histogram = new LatencyHistogram();
  for (let turn = 0; turn < 100; turn += 1) histogram.record(4000);
  const earlier = histogram.read();
  for (let turn = 0; turn < 98; turn += 1) histogram.record(0.7);
  histogram.record(60);
  histogram.record(60);

  const later = histogram.read();

  expect(quantileSeconds(later, earlier, 0.5)).toBe(0.001);
  expect(quantileSeconds(later, earlier, 0.98)).toBe(0.001);
  expect(quantileSeconds(later, earlier, 0.99)).toBe(0.1);
  expect(quantileSeconds(later, undefined, 0.99)).toBe(5);
});

it("tells no quantile where nothing came, and the last bound for what is above it", () => {
  const histogram = new LatencyHistogram();
  const empty = histogram.read();
  histogram.record(60_000);

  const one = histogram.read();

  expect(quantileSeconds(empty, undefined, 0.99)).toBeUndefined();
  expect(quantileSeconds(one, one, 0.99)).toBeUndefined();
  expect(quantileSeconds(one, empty, 0.99)).toBe(latencyBuckets.at(-1));
});
