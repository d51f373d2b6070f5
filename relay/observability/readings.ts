import type { HubCounts } from "../hub/hub-counts.ts";
import type { TrafficReading } from "../session/ports.ts";
import type { StoreReading } from "../store/ports.ts";
import type { LagReading } from "./event-loop-lag.ts";
import type { HandshakeReading } from "./handshake-counts.ts";
import type { LatencyReading } from "./latency-histogram.ts";

/** Counts since the start, by a closed set of words. */
export type CountsByLabel = Readonly<Record<string, number>>;

/** Something counted since the start, of one kind of client of one dialect. */
export type ClientCount = { readonly dialect: string; readonly client: string; readonly count: number };

/** What the process uses. */
export type ProcessReading = {
  readonly cpuSeconds: number;
  readonly startedAtSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
};

/** Who is on the way in, or kept waiting, now. */
export type EntranceReading = {
  /** Connections that have asked for nothing yet. */
  readonly handshakesInFlight: number;
  /** Connections that have asked for a page, and are kept. */
  readonly httpConnections: number;
  /** Addresses that something is counted for. */
  readonly clientAddresses: number;
  /** Connections that are not read because they, or their topics, are above their rate. */
  readonly throttled: number;
  /** Connections that poll. */
  readonly polling: number;
};

/** What waits in mailboxes, and what became of it since the start. */
type MailboxReading = { readonly store: StoreReading; readonly events: CountsByLabel; readonly nowMs: number };

/** Everything that can be seen of a relay at one moment: numbers, by closed sets of words. Nothing names a topic or a client. */
export type Readings = {
  readonly version: string;
  readonly isDraining: boolean;
  readonly uptimeSeconds: number;
  readonly connections: number;
  readonly undecided: number;
  /** Who is registered with dialects that keep accounts. */
  readonly registrations: number;
  readonly outboxBytes: number;
  readonly swept: number;
  readonly hub: HubCounts;
  readonly traffic: readonly TrafficReading[];
  readonly rejected: CountsByLabel;
  readonly opened: readonly ClientCount[];
  readonly closed: CountsByLabel;
  /** Upgrades that became no connection, by reason. */
  readonly refused: CountsByLabel;
  /** Times that a limit was hit, by limit. */
  readonly limits: CountsByLabel;
  readonly auth: {
    readonly refused: CountsByLabel;
    readonly granted: number;
    readonly renewed: number;
    readonly expired: number;
    readonly revoked: number;
    readonly keyFetches: number;
    readonly keyFetchFailures: number;
  };
  readonly suppressedLogLines: number;
  /** Lines that could not be written. */
  readonly lostLogLines: number;
  /** Connections that were closed as they came, by reason. */
  readonly dropped: CountsByLabel;
  readonly adminRefusals: CountsByLabel;
  readonly handshakes: HandshakeReading;
  readonly entrance: EntranceReading;
  /** Undefined where the relay keeps none. */
  readonly mailboxes: MailboxReading | undefined;
  /** Datagrams that came to the STUN port, by what became of them. */
  readonly stun: CountsByLabel;
  /** Until the certificate ends, below 0 after it; undefined without TLS. */
  readonly certificate: { readonly secondsToExpiry: number; readonly consecutiveFailures: number } | undefined;
  readonly latency: LatencyReading;
  readonly lag: LagReading;
  readonly process: ProcessReading;
};
