import type { TrafficReading } from "../session/ports.ts";
import type { CountsByLabel, Readings } from "./readings.ts";

/** One value of a metric, with its labels. */
type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: number };

/** One metric: what docs/metrics.md says of it, and how it is read. */
export type MetricRow = {
  /** With its unit, and `_total` where it only grows. The names of the original systems where they have one. */
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One sentence: what is counted. */
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (readings: Readings) => readonly Sample[];
};

/** The only metric that is no single number: docs/metrics.md#delivery-latency. */
export const latencyMetric = {
  name: "relay_message_duration_seconds",
  type: "histogram",
  help: "From reading the bytes of a message to writing them to a receiver: the slowest delivery of each write, not each one",
  labels: [],
} as const;

/**
 * The one table of metrics: /metrics, docs/metrics.md, the dashboard and the alerts come from it or are compared with it.
 * Labels are words of closed sets. A topic, a peer, a token or an address is never one.
 */
export const metricsTable: readonly MetricRow[] = [
  gauge("relay_connections_active", "Open connections, including clients that poll", (r) => r.connections),
  gauge(
    "relay_connections_polling",
    "Open connections that poll instead of using a WebSocket",
    (r) => r.entrance.polling,
  ),
  gauge("relay_connections_undecided", "Open connections that have not joined yet", (r) => r.undecided),
  {
    name: "relay_connections_total",
    type: "counter",
    help: "Connections opened",
    labels: ["dialect", "client"],
    read: ({ opened }) => opened.map(({ count, ...labels }) => ({ labels, value: count })),
  },
  counts("relay_connections_closed_total", "Connections that ended", "reason", (r) => r.closed),
  counts("relay_connection_errors_total", "Upgrades that were refused", "reason", (r) => r.refused),
  counts(
    "relay_connections_dropped_total",
    "Connections closed on arrival, because no descriptor or socket was left",
    "reason",
    (r) => r.dropped,
  ),
  counter("relay_connections_swept_total", "Connections cut off because they were silent", (r) => r.swept),
  gauge("relay_topics", "Topics that have members", (r) => r.hub.topics),
  gauge("relay_peers", "Connections that are in at least one topic", (r) => r.hub.peers),
  gauge(
    "relay_members",
    "Memberships: a connection in three topics counts three times",
    (r) => r.hub.joins - r.hub.leaves,
  ),
  gauge("relay_registrations", "Agents and meshes that are registered", (r) => r.registrations),
  counter("relay_joins_total", "Memberships that began", (r) => r.hub.joins),
  counter("relay_leaves_total", "Memberships that ended", (r) => r.hub.leaves),
  traffic(
    "relay_messages_received_total",
    "Messages taken from clients, of every type",
    (r) => r.received.messageCount,
  ),
  traffic("relay_bytes_received_total", "Bytes of the messages taken from clients", (r) => r.received.byteCount),
  traffic(
    "relay_messages_sent_total",
    "Deliveries of data, signals and presences, one for each receiver",
    (r) => r.sent.messageCount,
  ),
  traffic("relay_bytes_sent_total", "Bytes of the frames that were delivered", (r) => r.sent.byteCount),
  counter(
    "relay_messages_published_total",
    "Data messages taken, whatever the number of receivers",
    (r) => r.hub.messages,
  ),
  counter("relay_bytes_published_total", "Bytes of their payloads, as the sender wrote them", (r) => r.hub.bytes),
  counts("relay_messages_rejected_total", "Messages that could not be taken, by error code", "code", (r) => r.rejected),
  counts(
    "relay_frames_dropped_total",
    "Frames and held messages that were lost: their receiver, or their sender, is closed",
    "reason",
    (r) => r.hub.drops,
  ),
  gauge("relay_outbox_bytes", "Bytes that wait to be written to clients", (r) => r.outboxBytes),
  counter("relay_pauses_total", "Times a sender was not read because of what was held of it", (r) => r.hub.pauses),
  gauge("relay_held_bytes", "Bytes held at senders for receivers that have no room", (r) => r.hub.heldBytes),
  gauge("relay_congested_readers", "Connections that others wait for now", (r) => r.hub.congested),
  counts("relay_slow_readers_total", "Connections ended because they read too slowly", "reason", slowReaders),
  counts("relay_rate_limited_total", "Times a limit was hit", "limit", (r) => r.limits),
  counts(
    "relay_auth_refusals_total",
    "Tokens and connections refused for their credential",
    "reason",
    (r) => r.auth.refused,
  ),
  counter("relay_auth_grants_total", "Grants given to connections", (r) => r.auth.granted),
  counter("relay_auth_renewals_total", "Grants renewed on an open connection", (r) => r.auth.renewed),
  counts("relay_auth_ended_total", "Connections ended with their grant", "reason", grantEnds),
  counts("relay_auth_key_fetches_total", "Times that keys were fetched", "outcome", keyFetches),
  gauge(
    "relay_handshakes_in_flight",
    "Connections that have sent no request yet: in TLS, or before the first one",
    (r) => r.entrance.handshakesInFlight,
  ),
  gauge("relay_http_connections", "HTTP connections kept for a next request", (r) => r.entrance.httpConnections),
  gauge(
    "relay_client_addresses",
    "Addresses, and IPv6 networks, that limits are counted for",
    (r) => r.entrance.clientAddresses,
  ),
  gauge(
    "relay_throttled_connections",
    "Connections that are not read for a while, because they or their topics are above their rate",
    (r) => r.entrance.throttled,
  ),
  // The mailboxes. A relay that keeps none has nothing waiting, and nothing has come.
  gauge("relay_blobs_stored", "Messages that wait in mailboxes", (r) => r.mailboxes?.store.messageCount ?? 0),
  gauge("relay_mailboxes", "Mailboxes in which something waits", (r) => r.mailboxes?.store.mailboxCount ?? 0),
  gauge("relay_mailbox_bytes", "What the store holds, as MAILBOX_MAX_BYTES counts it", mailboxBytes),
  gauge("relay_mailbox_oldest_seconds", "Age of the oldest message that waits", oldestSeconds),
  gauge(
    "relay_recovery_proofs_active",
    "Recovery proofs that the mailbox dialect keeps",
    (r) => r.mailboxes?.store.recordCounts["proofs"] ?? 0,
  ),
  counter("relay_blobs_created_total", "Messages stored in mailboxes", mailboxEvents("deposited")),
  counter("relay_blobs_delivered_total", "Messages delivered to readers of mailboxes", mailboxEvents("delivered")),
  counter("relay_blobs_deleted_total", "Messages deleted by readers of mailboxes", mailboxEvents("deleted")),
  counter("relay_blobs_expired_total", "Messages that expired", mailboxEvents("expired")),
  counts("relay_mailbox_refusals_total", "Deposits that were not stored", "reason", mailboxRefusals),
  counter(
    "relay_mailbox_commits_total",
    "Commits of the store, each for messages that came together",
    (r) => r.mailboxes?.store.commitCount ?? 0,
  ),
  counter(
    "relay_mailbox_commit_seconds_total",
    "Time that they took, waiting included",
    (r) => (r.mailboxes?.store.commitMs ?? 0) / 1000,
  ),
  gauge(
    "relay_mailbox_commit_max_seconds",
    "The longest one since the start",
    (r) => (r.mailboxes?.store.slowestCommitMs ?? 0) / 1000,
  ),
  counts("relay_stun_datagrams_total", "Datagrams at the STUN port, by outcome", "outcome", (r) => r.stun),
  counter("relay_tls_handshakes_total", "TLS handshakes that succeeded", (r) => r.handshakes.completed),
  counts("relay_tls_handshake_failures_total", "TLS handshakes that failed", "reason", (r) => r.handshakes.failed),
  {
    name: "relay_certificate_expiry_seconds",
    type: "gauge",
    help: "Time until the served certificate expires, below 0 afterwards; absent without TLS",
    labels: [],
    read: ({ certificate }) => (certificate === undefined ? [] : [{ labels: {}, value: certificate.secondsToExpiry }]),
  },
  {
    name: "relay_certificate_failures",
    type: "gauge",
    help: "Failed attempts to renew the certificate since the last success; absent without TLS",
    labels: [],
    read: ({ certificate }) =>
      certificate === undefined ? [] : [{ labels: {}, value: certificate.consecutiveFailures }],
  },
  counts(
    "relay_admin_refusals_total",
    "Requests to the admin pages that were refused",
    "reason",
    (r) => r.adminRefusals,
  ),
  counter(
    "relay_access_log_suppressed_total",
    "Lines that the access log left out because of its rate",
    (r) => r.suppressedLogLines,
  ),
  counter("relay_log_lines_lost_total", "Log lines that could not be written", (r) => r.lostLogLines),
  gauge("relay_draining", "1 while the relay drains, else 0", (r) => Number(r.isDraining)),
  gauge("relay_uptime_seconds", "Since the start", (r) => r.uptimeSeconds),
  {
    name: "relay_info",
    type: "gauge",
    help: "Always 1; the label tells the version",
    labels: ["version"],
    read: ({ version }) => [{ labels: { version }, value: 1 }],
  },
  counts(
    "relay_event_loop_lag_seconds",
    "How late the event loop was in the last ten seconds",
    "percentile",
    lag,
    "gauge",
  ),
  // The names that all Prometheus clients use.
  counter("process_cpu_seconds_total", "CPU time, user and system", (r) => r.process.cpuSeconds),
  gauge("process_start_time_seconds", "Start of the process, since the epoch", (r) => r.process.startedAtSeconds),
  gauge("process_resident_memory_bytes", "Resident memory", (r) => r.process.residentBytes),
  gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use", (r) => r.process.heapBytes),
  gauge(
    "nodejs_external_memory_bytes",
    "Memory of buffers and other things outside the heap",
    (r) => r.process.externalBytes,
  ),
];

function gauge(name: string, help: string, read: (readings: Readings) => number): MetricRow {
  return { name, type: "gauge", help, labels: [], read: (readings) => [{ labels: {}, value: read(readings) }] };
}

function counter(name: string, help: string, read: (readings: Readings) => number): MetricRow {
  return { ...gauge(name, help, read), type: "counter" };
}

/** One value for each word of a closed set. */
function counts(
  name: string,
  help: string,
  label: string,
  read: (readings: Readings) => CountsByLabel,
  type: "counter" | "gauge" = "counter",
): MetricRow {
  const samples = (readings: Readings): readonly Sample[] =>
    Object.entries(read(readings)).map(([word, value]) => ({ labels: { [label]: word }, value }));
  return { name, type, help, labels: [label], read: samples };
}

/** One value for each encoding of each kind of client. */
function traffic(name: string, help: string, read: (way: TrafficReading) => number): MetricRow {
  const samples = (readings: Readings): readonly Sample[] =>
    readings.traffic.map((way) => {
      const { dialect, client, encoding } = way;
      return { labels: { dialect, client, encoding }, value: read(way) };
    });
  return { name, type: "counter", help, labels: ["dialect", "client", "encoding"], read: samples };
}

function mailboxBytes({ mailboxes }: Readings): number {
  return mailboxes === undefined ? 0 : mailboxes.store.messageBytes + mailboxes.store.recordBytes;
}

function oldestSeconds({ mailboxes }: Readings): number {
  const oldestAtMs = mailboxes?.store.oldestAtMs;
  return mailboxes === undefined || oldestAtMs === undefined ? 0 : Math.max(0, (mailboxes.nowMs - oldestAtMs) / 1000);
}

function mailboxEvents(event: string): (readings: Readings) => number {
  return ({ mailboxes }) => mailboxes?.events[event] ?? 0;
}

function mailboxRefusals(readings: Readings): CountsByLabel {
  const reasons = ["mailbox-full", "store-full", "failed"];
  return Object.fromEntries(reasons.map((reason) => [reason, mailboxEvents(reason)(readings)]));
}

function slowReaders({ hub }: Readings): CountsByLabel {
  return { "outbox-full": hub.outboxesFull, stalled: hub.stalledReaders, slow: hub.slowReaders };
}

function grantEnds({ auth }: Readings): CountsByLabel {
  return { expired: auth.expired, revoked: auth.revoked };
}

function keyFetches({ auth }: Readings): CountsByLabel {
  return { succeeded: auth.keyFetches - auth.keyFetchFailures, failed: auth.keyFetchFailures };
}

function lag({ lag: { p50, p99, max } }: Readings): CountsByLabel {
  return { p50, p99, max };
}
