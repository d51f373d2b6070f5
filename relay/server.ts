import type { Logger } from "pino";
import { CloseCode } from "../protocol/close-codes.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import type { Config } from "./config/options.ts";
import { openTopicSession } from "./dialects/topic/open-session.ts";
import type { TopicPayload } from "./dialects/topic/payload.ts";
import { type RelayFigures, Routes } from "./http/routes.ts";
import { Hub } from "./hub/hub.ts";
import { Statistics } from "./observability/statistics.ts";
import { createTopicHash } from "./observability/topic-hash.ts";
import { type OpenPort, openPort, type RelayAddress } from "./open-port.ts";
import { RelayState } from "./relay-state.ts";
import type { CertificateSource, CertificateStatus } from "./tls/source.ts";
import { Connections } from "./websocket/connections.ts";
import { Upgrade, type UpgradeParts } from "./websocket/upgrade.ts";

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
  /** @throws RelayError where the port cannot be bound; nothing is left running then. */
  start(): Promise<RelayAddress>;
  /** Drains: refuses new connections, announces, flushes, closes with 1012. Resolves when all are gone. */
  stop(): Promise<void>;
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
};

/** Puts a relay together. Wiring only: each part decides for itself. */
export function createRelay(config: Config, { log, clock = systemClock, isPortChosen, source }: RelayParts): Relay {
  const hub = new Hub<TopicPayload>({ ...config, closeFor: SLOW_READER_CLOSES }, () => clock.monotonicMs());
  let slowReaderCheck: Timer | undefined;
  const connections = new Connections(clock, config);
  const { maxFrameBytes, maxTopicsPerConnection } = config;
  const sessionParts = { hub, limits: { maxFrameBytes, maxTopicsPerConnection }, nowMs: () => clock.epochMs() };
  const openSession: UpgradeParts["openSession"] = (link, protocol) => openTopicSession(sessionParts, link, protocol);
  const upgrade = new Upgrade(
    { clock, log, connections, openSession },
    { ...config, closeTimeoutMs: config.drainTimeoutMs },
  );
  const connectionCount = () => connections.count;
  const statistics = new Statistics({ clock, hub, log, hashTopic: createTopicHash(), connectionCount });
  const state = new RelayState(clock, hub, connections);
  const routes = new Routes({ readiness: () => state.readiness(), figures: () => state.figures() });
  let port: OpenPort | undefined;

  return {
    async start() {
      port = await openPort(config, { log, clock, isPortChosen, source }, (server) => {
        server.on("request", (request, response) => routes.handle(request, response));
        server.on("upgrade", (request, _, head) => {
          if (routes.isAnswering(request.socket)) request.socket.destroy();
          else upgrade.handle(request, request.socket, head);
        });
      });
      connections.start();
      upgrade.start();
      slowReaderCheck = clock.every(SLOW_READER_CHECK_MS, () => hub.endOverdueReaders());
      statistics.start(config.statsIntervalMs);
      state.started(port.status);
      return port.address;
    },
    async stop() {
      state.draining();
      upgrade.drain();
      // Whoever comes from now on belongs to the others that share the port.
      if (config.reusePort) port?.stopListening();
      await Promise.all([port?.stopRenewing(), connections.drain(RECONNECT_WITHIN_MS, config.drainTimeoutMs)]);
      statistics.stop();
      slowReaderCheck?.cancel();
      await port?.close();
    },
    figures: () => state.figures(),
    certificate: () => port?.status?.(),
  };
}
