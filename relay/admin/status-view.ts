import type { RecentRefusal } from "../observability/connection-events.ts";
import type { HistoryPoint } from "../observability/history.ts";
import type { CountsByLabel, Readings } from "../observability/readings.ts";
import type { CertificateStatus } from "../tls/source.ts";
import { atMost, bytes, count, duration, milliseconds, time } from "./figure-format.ts";
import { certificateLevel, type Level, type Limits, levelsOf } from "./thresholds.ts";

/** What is known of the relay when the status page is asked for. */
export type StatusFigures = {
  readonly nowMs: number;
  readonly readings: Readings;
  readonly limits: Limits;
  readonly history: readonly HistoryPoint[];
  /** The largest topics, each under its hash. */
  readonly topics: readonly {
    readonly hash: string;
    readonly memberCount: number;
    readonly messageCount: number;
    readonly byteCount: number;
  }[];
  /** Who is registered with dialects that keep accounts; undefined where none does. */
  readonly accounts: AccountFigures | undefined;
  /** Those for which something is held at senders, the most first. */
  readonly congested: readonly {
    readonly hash: string;
    readonly slowReaderCount: number;
    readonly heldMessageCount: number;
    readonly heldByteCount: number;
  }[];
  readonly refusals: readonly RecentRefusal[];
  readonly certificate: CertificateStatus | undefined;
};

/** How many are registered, and the last of them, newest first, each under its hash. */
export type AccountFigures = {
  readonly count: number;
  readonly latest: readonly {
    readonly kind: string;
    readonly hash: string;
    readonly registeredAtMs: number;
    readonly connectionCount: number;
  }[];
};

/** The same as it is shown: every number is a text already, so that the page with its script shows what the page without shows. */
export type StatusView = {
  readonly state: "running" | "draining";
  readonly figures: Readonly<Record<string, string>>;
  /** Of the figures that are to be watched. */
  readonly levels: Readonly<Record<string, Level>>;
  /** Rows of cells. */
  readonly topics: readonly (readonly string[])[];
  /** Left out where no dialect keeps accounts. */
  readonly accounts?: readonly (readonly string[])[];
  readonly congested: readonly (readonly string[])[];
  readonly refusals: readonly (readonly string[])[];
  readonly reasons: readonly (readonly string[])[];
  /** What the charts are drawn from; latency in milliseconds, null where there was none. */
  readonly history: Readonly<Record<string, readonly (number | null)[]>>;
};

/** Turns figures into what is shown. */
export function statusView(status: StatusFigures): StatusView {
  const { nowMs, readings, limits, history, topics, congested, accounts, refusals, certificate } = status;
  return {
    state: readings.isDraining ? "draining" : "running",
    figures: {
      ...fillings(readings, limits),
      ...traffic(readings, history.at(-1)),
      ...certificateFigures(certificate, nowMs),
      ...(accounts === undefined ? {} : { accounts: count(accounts.count) }),
      version: readings.version,
      uptime: duration(readings.uptimeSeconds),
      updated: time(nowMs),
    },
    levels: {
      ...levelsOf(readings, limits, history.at(-1)?.latencyP99),
      certificate: certificateLevel(certificate, nowMs),
    },
    congested: congested.map(({ hash, slowReaderCount, heldMessageCount, heldByteCount }) => [
      hash,
      count(slowReaderCount),
      count(heldMessageCount),
      bytes(heldByteCount),
    ]),
    topics: topics.map((topic) => [
      topic.hash,
      count(topic.memberCount),
      count(topic.messageCount),
      bytes(topic.byteCount),
    ]),
    ...(accounts === undefined ? {} : { accounts: accounts.latest.map((account) => accountRow(account, nowMs)) }),
    refusals: refusals.map((refusal) => [
      refusal.count === 1 ? time(refusal.atMs) : `${time(refusal.firstAtMs)} – ${time(refusal.atMs)}`,
      refusal.reason,
      String(refusal.status),
      count(refusal.count),
      refusal.requestId,
    ]),
    reasons: reasons(readings),
    history: charts(history),
  };
}

function accountRow(
  { kind, hash, registeredAtMs, connectionCount }: AccountFigures["latest"][number],
  nowMs: number,
): readonly string[] {
  return [hash, kind, duration(Math.max(0, nowMs - registeredAtMs) / 1000), count(connectionCount)];
}

/** How much of what there may be is there. */
function fillings({ connections, hub, process }: Readings, limits: Limits): Readonly<Record<string, string>> {
  return {
    connections: `${count(connections)} of ${count(limits.maxConnections)}`,
    connectionCount: count(connections),
    memory: bytes(process.residentBytes),
    maxMemory: bytes(limits.memoryBytes),
    held: bytes(hub.heldBytes),
    maxHeld: bytes(limits.maxHeldBytes),
  };
}

function traffic(readings: Readings, latest: HistoryPoint | undefined): Readonly<Record<string, string>> {
  const { hub, lag } = readings;
  return {
    undecided: count(readings.undecided),
    peers: count(hub.peers),
    topics: count(hub.topics),
    members: count(hub.joins - hub.leaves),
    received: `${count(latest?.received ?? 0)}/s`,
    sent: `${count(latest?.sent ?? 0)}/s`,
    sentBytes: `${bytes(latest?.bytesSent ?? 0)}/s`,
    latencyP50: atMost(latest?.latencyP50),
    latencyP99: atMost(latest?.latencyP99),
    outbox: bytes(readings.outboxBytes),
    congested: count(hub.congested),
    pauses: count(hub.pauses),
    lag: milliseconds(lag.p99),
  };
}

function certificateFigures(
  certificate: CertificateStatus | undefined,
  nowMs: number,
): Readonly<Record<string, string>> {
  if (certificate === undefined) return { certificate: "none: plain HTTP" };
  const { expiresAtMs, source, isStandIn, nextAttemptAtMs, lastErrorCode, consecutiveFailures } = certificate;
  const seconds = (expiresAtMs - nowMs) / 1000;
  return {
    certificate: seconds > 0 ? duration(seconds) : `ended ${duration(-seconds)} ago`,
    certificateSource: isStandIn ? `${source}, a stand-in` : source,
    certificateNext:
      nextAttemptAtMs === undefined ? "not planned" : `in ${duration(Math.max(0, nextAttemptAtMs - nowMs) / 1000)}`,
    certificateError: lastErrorCode === undefined ? "none" : `${lastErrorCode}, ${consecutiveFailures} times`,
  };
}

/** Every counter by reason that is not 0, largest first. */
function reasons(readings: Readings): readonly (readonly string[])[] {
  const groups: readonly (readonly [string, CountsByLabel])[] = [
    ["refused", readings.refused],
    ["closed", readings.closed],
    ["limit", readings.limits],
    ["credential", readings.auth.refused],
    ["message", readings.rejected],
    ["lost frame", readings.hub.drops],
    ["TLS handshake", readings.handshakes.failed],
    ["admin pages", readings.adminRefusals],
  ];
  return groups
    .flatMap(([group, counts]) => Object.entries(counts).map(([word, value]) => ({ group, word, value })))
    .filter(({ value }) => value > 0)
    .toSorted((a, b) => b.value - a.value)
    .map(({ group, word, value }) => [group, word, count(value)]);
}

function charts(history: readonly HistoryPoint[]): StatusView["history"] {
  return {
    at: history.map(({ atMs }) => atMs),
    connections: history.map(({ connections }) => connections),
    received: history.map(({ received }) => received),
    sent: history.map(({ sent }) => sent),
    p50: history.map(({ latencyP50 }) => inMs(latencyP50)),
    p99: history.map(({ latencyP99 }) => inMs(latencyP99)),
  };
}

function inMs(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1000;
}
