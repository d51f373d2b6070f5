import type { Server } from "node:http";
import type { Logger } from "pino";
import { CloseCode } from "../protocol/close-codes.ts";
import { createAuthority } from "./auth/create-authority.ts";
import type { Authority } from "./auth/ports.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import type { Config } from "./config/options.ts";
import { openTopicSession } from "./dialects/topic/open-session.ts";
import type { TopicPayload } from "./dialects/topic/payload.ts";
import { TopicTraffic } from "./dialects/topic/traffic.ts";
import { createTopicRates, Entrance, type EntranceParts } from "./entrance/entrance.ts";
import type { RelayFigures } from "./http/routes.ts";
import { Hub } from "./hub/hub.ts";
import { clientNetwork, plainAddress } from "./limits/address.ts";
import { Statistics } from "./observability/statistics.ts";
import { createTopicHash } from "./observability/topic-hash.ts";
import { Observation } from "./observation.ts";
import { type OpenPort, openPort, type RelayAddress } from "./open-port.ts";
import { RelayState } from "./relay-state.ts";
import { Connections } from "./session/connections.ts";
import type { CertificateSource, CertificateStatus } from "./tls/source.ts";

/** Clients come back at a random moment within this time, so that they do not come all at once. */
const RECONNECT_WITHIN_MS = 5000;
/** Time limits of slow readers are exact to this. */
const SLOW_READER_CHECK_MS = 250;
/** What a client is told that reads too slowly. */
const SLOW_READER_CLOSES = {
  "outbox-full": { code: CloseCode.tryAgainLater, reason: "outbox full" },
  stalled: { code: CloseCode.stalledReader, reason: "drained nothing" },
  slow: { code: CloseCode.slowReader, reason: "reads too slowly" },
};

/** A relay as its owner sees it. */
export interface Relay {
  /** @throws RelayError where the port cannot be bound, or keys cannot be read; nothing is left running then. */
  start(): Promise<RelayAddress>;
  /** Drains: refuses new connections, announces, flushes, closes with 1012. Resolves when all are gone. */
  stop(): Promise<void>;
  /** Reads again what says who may use the relay: keys and revocations. Ends the connections that are revoked. */
  reload(): Promise<void>;
  /** What `/stats` shows. */
  figures(): RelayFigures;
  /** What is served and how it will go on; undefined without TLS and before the start. */
  certificate(): CertificateStatus | undefined;
}

/** What a relay uses. */
export type RelayParts = {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Whether the operator chose the port; without it, 8443 may stand in for 443. */
  readonly isPortChosen: boolean;
  /** Where certificates come from, in place of what the options say. */
  readonly source?: CertificateSource;
  /** Told when somebody asks on the status page that the relay be stopped. */
  readonly onDrainRequested?: () => void;
  /** How many lines the log has lost, where its owner counts them. */
  readonly lostLogLines?: () => number;
};

/** Puts a relay together. Wiring only: each part decides for itself. */
export function createRelay(
  config: Config,
  {
    log,
    clock = systemClock,
    isPortChosen,
    source,
    onDrainRequested = () => undefined,
    lostLogLines = () => 0,
  }: RelayParts,
): Relay {
  const parts = createParts(config, { log, clock, onDrainRequested, lostLogLines });
  const { authority, connections, entrance, hub, observation, state, statistics } = parts;
  let slowReaderCheck: Timer | undefined;
  let port: OpenPort | undefined;

  return {
    async start() {
      try {
        await authority.start();
        await observation.start().catch((error: unknown) => {
          authority.stop();
          throw error;
        });
        port = await openPort(config, { log, clock, isPortChosen, source }, (server) => serveOn(server, parts));
      } catch (error) {
        authority.stop();
        await observation.stop();
        throw error;
      }
      entrance.start();
      connections.start();
      slowReaderCheck = clock.every(SLOW_READER_CHECK_MS, () => hub.endOverdueReaders());
      statistics.start(config.statsIntervalMs);
      state.started(port.status);
      return port.address;
    },
    async stop() {
      state.draining();
      entrance.drain();
      // Whoever comes from now on belongs to the others that share the port.
      if (config.reusePort) port?.stopListening();
      await Promise.all([port?.stopRenewing(), connections.drain(RECONNECT_WITHIN_MS, config.drainTimeoutMs)]);
      statistics.stop();
      slowReaderCheck?.cancel();
      authority.stop();
      await Promise.all([port?.close(), observation.stop()]);
    },
    reload: () => authority.reload(),
    figures: () => state.figures(),
    certificate: () => port?.status?.(),
  };
}

type Parts = {
  readonly authority: Authority;
  readonly connections: Connections;
  readonly entrance: Entrance;
  readonly hub: Hub<TopicPayload>;
  readonly observation: Observation;
  readonly state: RelayState;
  readonly statistics: Statistics;
};

type Given = Required<Pick<RelayParts, "log" | "clock" | "onDrainRequested" | "lostLogLines">>;

function createParts(config: Config, { log, clock, onDrainRequested, lostLogLines }: Given): Parts {
  const topicRates = createTopicRates(config, () => entrance.nowMs);
  const hub = new Hub<TopicPayload>(
    { ...config, closeFor: SLOW_READER_CLOSES },
    () => clock.monotonicMs(),
    () => topicRates.create(),
  );
  const authority = createAuthority({ clock, log }, config);
  const connections = new Connections(clock, config);
  const { maxFrameBytes, maxTopicsPerConnection } = config;
  const traffic = new TopicTraffic();
  const limits = { maxFrameBytes, maxTopicsPerConnection };
  const sessionParts = { hub, limits, traffic, nowMs: () => clock.epochMs() };
  const connectionCount = () => connections.count;
  const hashTopic = createTopicHash();
  const statistics = new Statistics({ clock, hub, log, hashTopic, connectionCount });
  const state = new RelayState(clock, hub, connections);
  const observation = new Observation({
    config,
    clock,
    log,
    hashTopic,
    hub,
    traffic,
    connections,
    state,
    refused: () => entrance.refused(),
    limits: () => entrance.limitHits(),
    entrance: () => entrance.reading(),
    auth: () => authority.counts(),
    // The port of the admin pages is not behind the entrance.
    clientKey: (request) =>
      clientNetwork(entrance.clientOf(request) || (plainAddress(request.socket.remoteAddress ?? "") ?? "")),
    requestDrain: onDrainRequested,
    lostLogLines,
  });
  const openSession: EntranceParts["openSession"] = (link, protocol, connection) =>
    openTopicSession(sessionParts, link, protocol, connection);
  const { events: accessLog, latency } = observation;
  const carried = { clock, log, connections, authority, topicRates };
  const entrance: Entrance = new Entrance(config, { ...carried, accessLog, latency, openSession });
  return { authority, connections, entrance, hub, observation, state, statistics };
}

/** What the server's events lead to. */
function serveOn(server: Server, { entrance, observation }: Parts): void {
  const { routes } = observation;
  entrance.guard(server);
  observation.watch(server);
  server.on("request", (request, response) => routes.handle(request, response));
  server.on("upgrade", (request, _, head) => {
    if (routes.isAnswering(request.socket)) request.socket.destroy();
    else entrance.upgrade(request, head);
  });
}
