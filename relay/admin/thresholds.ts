import type { Readings } from "../observability/readings.ts";
import type { CertificateStatus } from "../tls/source.ts";

/** How a figure is doing: `warn` wants to be watched, `bad` something to be done. */
export type Level = "good" | "warn" | "bad";

/** Up to what the relay may go. */
export type Limits = {
  readonly maxConnections: number;
  /** What this process can get: MAX_RSS_BYTES, or what the machine or the container has. */
  readonly memoryBytes: number;
  readonly maxHeldBytes: number;
};

/** Where a part of a whole begins to be much. */
const FILLING = { warn: 0.8, bad: 0.95 };
/** Seconds; `warn` as the alerts PosternEventLoopBlocked and PosternSlow have them (infra/monitoring/). */
const LAG = { warn: 0.1, bad: 0.5 };
const LATENCY = { warn: 0.25, bad: 1 };
/** The alerts PosternCertificateEnds and PosternCertificateFails. */
const CERTIFICATE = { badSeconds: 86_400, warnFailures: 3 };
/** A certificate is renewed long before so little of its time is left. */
const LAST_PART = 0.1;

/** The level of each figure that has one, by the name that it has on the page. */
export function levelsOf(
  readings: Readings,
  limits: Limits,
  latencyP99: number | undefined,
): Readonly<Record<"connections" | "memory" | "held" | "lag" | "latencyP99", Level>> {
  return {
    connections: levelOf(readings.connections / limits.maxConnections, FILLING),
    memory: levelOf(readings.process.residentBytes / limits.memoryBytes, FILLING),
    held: levelOf(readings.hub.heldBytes / Math.max(1, limits.maxHeldBytes), FILLING),
    lag: levelOf(readings.lag.p99, LAG),
    latencyP99: levelOf(latencyP99 ?? 0, LATENCY),
  };
}

/** The level of the certificate; without TLS there is none to be watched. */
export function certificateLevel(certificate: CertificateStatus | undefined, nowMs: number): Level {
  if (certificate === undefined) return "good";
  const { isStandIn, notBeforeMs, expiresAtMs, consecutiveFailures } = certificate;
  const leftMs = expiresAtMs - nowMs;
  if (isStandIn || leftMs < CERTIFICATE.badSeconds * 1000) return "bad";
  const isLastPart = leftMs < (expiresAtMs - notBeforeMs) * LAST_PART;
  return isLastPart || consecutiveFailures >= CERTIFICATE.warnFailures ? "warn" : "good";
}

function levelOf(value: number, { warn, bad }: { readonly warn: number; readonly bad: number }): Level {
  if (value >= bad) return "bad";
  return value >= warn ? "warn" : "good";
}
