import { hostname } from "node:os";
import type { Logger } from "pino";
import { CloseCode } from "../protocol/close-codes.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import type { Config } from "./config/options.ts";
import { openTopicSession } from "./dialects/topic/open-session.ts";
import type { TopicPayload } from "./dialects/topic/payload.ts";
import { createListener, followSockets, listen } from "./http/listener.ts";
import { type RelayFigures, Routes } from "./http/routes.ts";
import { Hub } from "./hub/hub.ts";
import { Statistics } from "./observability/statistics.ts";
import { createTopicHash } from "./observability/topic-hash.ts";
import { RelayState } from "./relay-state.ts";
import { createSelfSigned, fingerprintOf, type TlsMaterial } from "./tls/self-signed.ts";
import { Connections } from "./websocket/connections.ts";
import { Upgrade, type UpgradeParts } from "./websocket/upgrade.ts";

/** Clients come back at a random moment within this time, so that they do not come all at once. */
const RECONNECT_WITHIN_MS = 5000;
const CERTIFICATE_LIFETIME_DAYS = 365;
/** Time limits of slow readers are exact to this. */
const SLOW_READER_CHECK_MS = 250;
/** What a client is told that reads too slowly. */
const SLOW_READER_CLOSES = {
  "outbox-full": { code: CloseCode.tryAgainLater, reason: "outbox full" },
  stalled: { code: CloseCode.stalledReader, reason: "drained nothing" },
  slow: { code: CloseCode.slowReader, reason: "reads too slowly" },
};

/** Where a started relay is reached. */
export type RelayAddress = {
  readonly port: number;
  /** PEM, and its SHA-256; undefined without TLS. */
  readonly certificate: string | undefined;
  readonly fingerprint: string | undefined;
};

/** A relay as its owner sees it. */
export interface Relay {
  /** @throws RelayError where the port cannot be bound; nothing is left running then. */
  start(): Promise<RelayAddress>;
  /** Drains: refuses new connections, announces, flushes, closes with 1012. Resolves when all are gone. */
  stop(): Promise<void>;
  /** The counts that `/stats` shows. */
  figures(): RelayFigures;
}

/** What a relay uses. */
export type RelayParts = {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Whether the operator chose the port; without it, 8443 may stand in for 443. */
  readonly isPortChosen: boolean;
  /** A certificate in place of a self-signed one made at the start. */
  readonly tls?: TlsMaterial;
};

/** Puts a relay together. Wiring only: each part decides for itself. */
export function createRelay(config: Config, { log, clock = systemClock, isPortChosen, tls: given }: RelayParts): Relay {
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
  let closeServer: (() => Promise<void>) | undefined;
  let stopListening: (() => void) | undefined;

  return {
    async start() {
      const tls = config.enableTls ? (given ?? developmentCertificate(config.host, clock)) : undefined;
      const server = createListener({ ...config, tls });
      closeServer = followSockets(server);
      stopListening = () => server.close();
      server.on("request", (request, response) => routes.handle(request, response));
      server.on("upgrade", (request, _, head) => {
        if (routes.isAnswering(request.socket)) request.socket.destroy();
        else upgrade.handle(request, request.socket, head);
      });
      const port = await listen(server, { ...config, isPortChosen });
      connections.start();
      upgrade.start();
      slowReaderCheck = clock.every(SLOW_READER_CHECK_MS, () => hub.endOverdueReaders());
      statistics.start(config.statsIntervalMs);
      state.started(tls?.expiresAtMs);
      return { port, certificate: tls?.certificate, fingerprint: tls && fingerprintOf(tls.certificate) };
    },
    async stop() {
      state.draining();
      upgrade.drain();
      // Whoever comes from now on belongs to the others that share the port.
      if (config.reusePort) stopListening?.();
      await connections.drain(RECONNECT_WITHIN_MS, config.drainTimeoutMs);
      statistics.stop();
      slowReaderCheck?.cancel();
      await closeServer?.();
    },
    figures: () => state.figures(),
  };
}

/** Good for this machine by name and by loopback address. */
function developmentCertificate(host: string, clock: Clock): TlsMaterial {
  return createSelfSigned({
    names: [...new Set(["localhost", "127.0.0.1", "::1", hostname(), host])],
    notBefore: new Date(clock.epochMs() - 60_000),
    lifetimeDays: CERTIFICATE_LIFETIME_DAYS,
  });
}
