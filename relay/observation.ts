import type { IncomingMessage } from "node:http";
import type { Server } from "node:net";
import { TLSSocket } from "node:tls";
import type { Logger } from "pino";
import { AdminAccess } from "./admin/admin-access.ts";
import { type AdminListener, openAdminListener } from "./admin/admin-listener.ts";
import { AdminPages } from "./admin/admin-pages.ts";
import type { StatusFigures } from "./admin/status-view.ts";
import type { Authority } from "./auth/ports.ts";
import type { Clock } from "./clock.ts";
import type { Config } from "./config/options.ts";
import { ClientAddresses } from "./entrance/client-address.ts";
import type { Entrance } from "./entrance/entrance.ts";
import { descriptorsFor } from "./http/descriptors.ts";
import { DialectRoutes, type DialectRoutesParts } from "./http/dialect-routes.ts";
import { Routes } from "./http/routes.ts";
import type { Hub } from "./hub/hub.ts";
import { clientNetwork, Networks, plainAddress } from "./limits/address.ts";
import { machineMemoryBytes } from "./limits/machine-memory.ts";
import type { ConnectionEvents } from "./observability/connection-events.ts";
import { DroppedConnections } from "./observability/dropped-connections.ts";
import { EventLoopLag } from "./observability/event-loop-lag.ts";
import { HandshakeCounts } from "./observability/handshake-counts.ts";
import { History, type HistoryReading } from "./observability/history.ts";
import { congestedTopics, largestTopics } from "./observability/largest-topics.ts";
import type { LatencyHistogram } from "./observability/latency-histogram.ts";
import type { Metrics } from "./observability/metrics.ts";
import { readProcess } from "./observability/process-reading.ts";
import type { CountsByLabel, Readings } from "./observability/readings.ts";
import { Registrations } from "./registrations.ts";
import type { RelayState } from "./relay-state.ts";
import type { Connections } from "./session/connections.ts";
import type { Dialects } from "./session/dialects.ts";
import type { Mailboxes } from "./store/mailboxes.ts";
import type { StunResponder } from "./stun/responder.ts";
import { readPageScript } from "./try-it/page-script.ts";
import { TryItPage } from "./try-it/try-it-page.ts";

/** How many topics the status page shows. */
const SHOWN_TOPICS = 20;

/** What is observed. */
export type ObservationParts = {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly hashTopic: (topicName: string) => string;
  readonly hub: Hub;
  readonly dialects: Dialects;
  readonly connections: Connections;
  readonly state: RelayState;
  readonly entrance: Entrance;
  readonly authority: Authority;
  readonly stun: StunResponder;
  readonly events: ConnectionEvents;
  readonly latency: LatencyHistogram;
  readonly mailboxes: Mailboxes | undefined;
  /** Asks the owner of the relay to drain it. */
  readonly requestDrain: () => void;
  /** How many lines the owner's log has lost. */
  readonly lostLogLines: () => number;
};

/** Puts together what is seen of a relay: counts, the access log, metrics, the status page. Wiring only. */
export class Observation {
  readonly #routes: { readonly own: Routes; readonly further: Routes };
  /** Undefined where nobody may see them. */
  readonly #pages: AdminPages | undefined;
  readonly #parts: ObservationParts;
  readonly #startedAtSeconds: number;
  readonly #handshakes = new HandshakeCounts();
  readonly #dropped: DroppedConnections;
  readonly #lag = new EventLoopLag();
  readonly #history: History;
  readonly #access: AdminAccess;
  readonly #registrations: Registrations;
  #adminListener: AdminListener | undefined;
  #metrics: Metrics | undefined;

  constructor(parts: ObservationParts) {
    this.#parts = parts;
    const { config, clock, entrance } = parts;
    this.#startedAtSeconds = clock.epochMs() / 1000;
    this.#dropped = new DroppedConnections(parts);
    this.#history = new History({ clock, lag: this.#lag, read: () => this.#readForHistory() });
    const proxies = new ClientAddresses(new Networks(config.trustedProxies), config.forwardedHeader);
    this.#access = new AdminAccess(
      {
        clock,
        clientKey: (request) => clientKey(entrance, request),
        isOverTls: (request) =>
          request.socket instanceof TLSSocket || proxies.saysTls(socketAddress(request), request.headers),
      },
      config,
    );
    const accounts = parts.dialects.accounts();
    this.#registrations = new Registrations({ log: parts.log, accounts, hash: parts.hashTopic });
    const isShown = config.adminToken !== "" || config.adminPort !== 0;
    this.#pages = isShown ? this.#createPages() : undefined;
    // Where the admin pages have a port of their own, the other one has none of them.
    const dialectRoutes = new DialectRoutes({ finder: parts.dialects, visitors: visitorsOf(parts), log: parts.log });
    this.#routes = {
      own: this.#createRoutes(config.adminPort === 0 ? this.#pages : undefined, dialectRoutes, createTryItPage(config)),
      further: this.#createRoutes(undefined, dialectRoutes),
    };
  }

  /** What a port answers to plain HTTP. A further one has no admin pages: it may be without TLS, and is for clients. */
  routesAt(place: "own" | "further"): Routes {
    return this.#routes[place];
  }

  /** Opens the port of the admin pages, where they have one. @throws RelayError where it cannot be had. */
  async start(): Promise<void> {
    const { config, log } = this.#parts;
    if (config.adminPort !== 0) {
      this.#adminListener = await openAdminListener(config, this.#createRoutes(this.#pages));
      log.info({ host: config.adminHost, port: this.#adminListener.port }, "admin pages listening");
    }
    // Where nobody may look, nothing is measured for the look.
    if (this.#pages === undefined) return;
    this.#lag.start();
    this.#history.start();
  }

  /** Counts the TLS handshakes of a server, and the connections that it closes as they come. */
  watch(server: Server): void {
    const { limit, wanted } = descriptorsFor({
      ...this.#parts.config,
      portCount: this.#parts.config.listen.length + 1,
    });
    this.#handshakes.watch(server);
    this.#dropped.watch(server, limit < wanted ? "open-files" : "sockets");
  }

  async stop(): Promise<void> {
    this.#history.stop();
    this.#lag.stop();
    await this.#adminListener?.close();
  }

  #createRoutes(admin: AdminPages | undefined, dialects?: DialectRoutes, tryIt?: TryItPage): Routes {
    const { clock, config, state } = this.#parts;
    const pace = { clock, graceMs: config.handshakeTimeoutMs };
    // Where there are no dialects there are no clients either.
    const polling = dialects && this.#parts.entrance.polling;
    const shown = { readiness: () => state.readiness(), figures: () => state.figures() };
    return new Routes({ pace, ...shown, admin, dialects, tryIt, polling }, config);
  }

  /** With the first scrape: what writes them is 90 modules, a tenth of a relay's start, and most relays are never scraped. */
  async #loadMetrics(): Promise<Metrics> {
    const loaded = await import("./observability/metrics.ts");
    this.#metrics ??= new loaded.Metrics(() => this.#read());
    return this.#metrics;
  }

  #createPages(): AdminPages {
    const { log, state, requestDrain } = this.#parts;
    return new AdminPages({
      access: this.#access,
      metrics: async () => {
        const metrics = await this.#loadMetrics();
        return { contentType: metrics.contentType, body: await metrics.render() };
      },
      figures: () => this.#figures(),
      drainTimeoutMs: this.#parts.config.drainTimeoutMs,
      drain: () => {
        // A page that was opened before: to ask again must not cut the drain short, as a second signal would.
        if (state.isDraining) return;
        log.warn("drain requested on the status page");
        requestDrain();
      },
      revoke: (account) => this.#registrations.revoke(account),
    });
  }

  #figures(): StatusFigures {
    const { hub, hashTopic, state, config } = this.#parts;
    const { epochMs, certificate } = state.figures();
    const topics = largestTopics(hub.topics(), SHOWN_TOPICS);
    const congested = congestedTopics(hub.topics(), SHOWN_TOPICS);
    const { maxConnections, maxHeldBytes, maxRssBytes } = config;
    return {
      nowMs: epochMs,
      readings: this.#read(),
      limits: { maxConnections, maxHeldBytes, memoryBytes: maxRssBytes || machineMemoryBytes() },
      history: this.#history.points(),
      topics: topics.map(({ name, memberCount, messageCount, byteCount }) => ({
        hash: hashTopic(name),
        memberCount,
        messageCount,
        byteCount,
      })),
      accounts: this.#registrations.figures(),
      congested: congested.map(({ name, slowReaderCount, heldMessageCount, heldByteCount }) => ({
        hash: hashTopic(name),
        slowReaderCount,
        heldMessageCount,
        heldByteCount,
      })),
      refusals: this.#parts.events.recentRefusals(),
      certificate,
    };
  }

  #readForHistory(): HistoryReading {
    const { dialects, connections, latency } = this.#parts;
    return {
      connections: connections.count,
      traffic: dialects.traffic(),
      latency: latency.read(),
    };
  }

  #read(): Readings {
    const { hub, dialects, connections, state, entrance, authority, events, latency, stun, lostLogLines } = this.#parts;
    const { mailboxes } = this.#parts;
    const { version, uptimeSeconds, epochMs, certificate } = state.figures();
    const { opened, closed, suppressedLines } = events.counts();
    const rejected = dialects.rejected();
    const auth = authority.counts();
    const datagrams = stun.counts();
    return {
      version,
      uptimeSeconds,
      isDraining: state.isDraining,
      connections: connections.count,
      undecided: connections.undecidedCount,
      registrations: this.#registrations.count,
      outboxBytes: connections.bufferedBytes,
      swept: connections.sweptCount,
      hub: hub.counts(),
      traffic: dialects.traffic(),
      rejected,
      opened,
      closed,
      refused: entrance.refused(),
      limits: {
        ...entrance.limitHits(),
        ...otherLimits(rejected, closed, auth.refused),
        "stun-requests": datagrams["over-rate"],
      },
      auth,
      suppressedLogLines: suppressedLines,
      lostLogLines: lostLogLines(),
      dropped: this.#dropped.counts(),
      adminRefusals: this.#access.counts(),
      handshakes: this.#handshakes.read(),
      entrance: entrance.reading(),
      mailboxes: mailboxes && { store: mailboxes.reading(), events: mailboxes.counts(), nowMs: mailboxes.nowMs() },
      stun: datagrams,
      certificate: certificate && {
        secondsToExpiry: (certificate.expiresAtMs - epochMs) / 1000,
        consecutiveFailures: certificate.consecutiveFailures,
      },
      latency: latency.read(),
      lag: this.#lag.read(),
      process: readProcess(this.#startedAtSeconds),
    };
  }
}

/** Who asks for the pages of dialects, and whether they may. */
function visitorsOf({
  authority,
  entrance,
}: Pick<ObservationParts, "authority" | "entrance">): DialectRoutesParts["visitors"] {
  return {
    clientOf: (request) => entrance.clientOf(request),
    mayAsk: (request) => entrance.mayAsk(request),
    async permits({ headers }, topicName) {
      const verdict = await authority.admit(headers);
      if (!("access" in verdict)) return false;
      const { access } = verdict;
      const isPermitted = access.isGranted && access.mayJoin(topicName);
      access.release();
      return isPermitted;
    },
  };
}

/** The page joins a topic at `/`: it is of no use where those clients are not served. */
function createTryItPage({ tryItPage, dialects }: Config): TryItPage | undefined {
  return tryItPage && dialects.includes("topic") ? new TryItPage({ readScript: readPageScript }) : undefined;
}

/**
 * Under what a client's failed attempts to sign in are counted. The port of the admin pages is not behind the entrance:
 * there it is the socket's address.
 */
function clientKey(entrance: Entrance, request: IncomingMessage): string {
  return clientNetwork(entrance.clientOf(request) || socketAddress(request));
}

function socketAddress({ socket }: IncomingMessage): string {
  return plainAddress(socket.remoteAddress ?? "") ?? "";
}

/** The limits that end in an error or a close code, beside those at which somebody waits or is not let in. */
function otherLimits(rejected: CountsByLabel, closed: CountsByLabel, refused: CountsByLabel): CountsByLabel {
  return {
    "topic-members": rejected["topic-full"] ?? 0,
    "connection-topics": rejected["too-many-topics"] ?? 0,
    "subject-connections": refused["too-many-connections"] ?? 0,
    "frame-bytes": closed["message-too-big"] ?? 0,
  };
}
