import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { certificateLevel, levelsOf } from "../../relay/admin/thresholds.ts";
import type { Readings } from "../../relay/observability/readings.ts";
import type { CertificateStatus } from "../../relay/tls/source.ts";

const DAY_MS = 86_400_000;
const LIMITS = { maxConnections: 100, memoryBytes: 1000, maxHeldBytes: 1000 };

it.each([
  ["good", { connections: 79, heldBytes: 799, residentBytes: 799, p99: 0.099 }, 0.24],
  ["warn", { connections: 80, heldBytes: 800, residentBytes: 800, p99: 0.1 }, 0.25],
  ["warn", { connections: 94, heldBytes: 949, residentBytes: 949, p99: 0.49 }, 0.99],
  ["bad", { connections: 95, heldBytes: 950, residentBytes: 950, p99: 0.5 }, 1],
] as const)("is %s with %o, at the bound and one before it", (level, figures, latency) => {
  const levels = levelsOf(readingsOf(figures), LIMITS, latency);

  expect(levels).toEqual({ connections: level, held: level, memory: level, lag: level, latencyP99: level });
});

it("finds nothing to watch where nothing was delivered, and where nothing may be held", () => {
  const nothing = readingsOf({ connections: 0, heldBytes: 0, residentBytes: 0, p99: 0 });

  expect(new Set(Object.values(levelsOf(nothing, { ...LIMITS, maxHeldBytes: 0 }, undefined)))).toEqual(
    new Set(["good"]),
  );
});

it.each([
  ["good", { leftMs: 10 * DAY_MS }],
  ["warn", { leftMs: 9 * DAY_MS - 1 }],
  ["warn", { leftMs: 60 * DAY_MS, consecutiveFailures: 3 }],
  ["good", { leftMs: 60 * DAY_MS, consecutiveFailures: 2 }],
  ["bad", { leftMs: DAY_MS - 1 }],
  ["bad", { leftMs: -1 }],
  ["bad", { leftMs: 60 * DAY_MS, isStandIn: true }],
])("calls a certificate of 90 days %s with %o", (level, { leftMs, ...changes }) => {
  const certificate = {
    notBeforeMs: leftMs - 90 * DAY_MS,
    expiresAtMs: leftMs,
    isStandIn: false,
    consecutiveFailures: 0,
  };

  expect(certificateLevel({ ...certificate, ...changes } as CertificateStatus, 0)).toBe(level);
});

it("warns where the alerts do", () => {
  const alerts = readFileSync("infra/monitoring/prometheus-rules.yml", "utf8");

  expect(certificateLevel(undefined, 0)).toBe("good");
  for (const text of [
    'relay_event_loop_lag_seconds{percentile="p99"} > 0.1',
    "relay_message_duration_seconds_bucket[5m]))) > 0.25",
    "relay_certificate_expiry_seconds < 86400",
    "relay_certificate_failures >= 3",
  ]) {
    expect(alerts).toContain(text);
  }
});

function readingsOf(figures: {
  readonly connections: number;
  readonly heldBytes: number;
  readonly residentBytes: number;
  readonly p99: number;
}): Readings {
  const { connections, heldBytes, residentBytes, p99 } = figures;
  return { connections, hub: { heldBytes }, process: { residentBytes }, lag: { p99 } } as Readings;
}
