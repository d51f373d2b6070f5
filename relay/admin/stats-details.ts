import type { Readings } from "../observability/readings.ts";
import type { StatusFigures } from "./status-view.ts";

/** What `/stats` shows to the admin beside the counts for all: the figures of the status page, as numbers. */
export function statsDetails({ readings, topics, congested, accounts, refusals }: StatusFigures): object {
  const { hub, handshakes, lag, process } = readings;
  return {
    state: readings.isDraining ? "draining" : "running",
    undecided: readings.undecided,
    members: hub.joins - hub.leaves,
    joins: hub.joins,
    leaves: hub.leaves,
    outbox_bytes: readings.outboxBytes,
    congested_readers: hub.congested,
    traffic: traffic(readings),
    refused: readings.refused,
    closed: readings.closed,
    limits: readings.limits,
    stun: readings.stun,
    credentials_refused: readings.auth.refused,
    rejected: readings.rejected,
    dropped: hub.drops,
    tls_handshakes: handshakes.completed,
    tls_handshake_failures: handshakes.failed,
    event_loop_lag_seconds: lag,
    resident_bytes: process.residentBytes,
    cpu_seconds: process.cpuSeconds,
    largest_topics: topics.map(({ hash, memberCount, messageCount, byteCount }) => ({
      topic: hash,
      members: memberCount,
      messages: messageCount,
      bytes: byteCount,
    })),
    ...(accounts === undefined
      ? {}
      : {
          latest_registrations: accounts.latest.map(({ kind, hash, registeredAtMs, connectionCount }) => ({
            account: hash,
            kind,
            registered_at: registeredAtMs / 1000,
            connections: connectionCount,
          })),
        }),
    congested_topics: congested.map(({ hash, slowReaderCount, heldMessageCount, heldByteCount }) => ({
      topic: hash,
      slow_readers: slowReaderCount,
      held_messages: heldMessageCount,
      held_bytes: heldByteCount,
    })),
    recent_refusals: refusals.map(({ atMs, firstAtMs, count, reason, status, requestId }) => ({
      at: atMs / 1000,
      first_at: firstAtMs / 1000,
      count,
      reason,
      status,
      request_id: requestId,
    })),
  };
}

function traffic({ traffic: ways }: Readings): readonly object[] {
  return ways.map(({ dialect, client, encoding, received, sent }) => ({
    dialect,
    client,
    encoding,
    messages_received: received.messageCount,
    bytes_received: received.byteCount,
    messages_sent: sent.messageCount,
    bytes_sent: sent.byteCount,
  }));
}
