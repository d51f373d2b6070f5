import type { Server } from "node:http";
import type { Logger } from "pino";
import { CloseCode } from "../protocol/close-codes.ts";
import { POLLING_FEATURE } from "../protocol/polling.ts";
import { createAuthority } from "./auth/create-authority.ts";
import { NodeCryptography } from "./auth/cryptography.ts";
import type { Authority } from "./auth/ports.ts";
import { Takeovers } from "./auth/takeovers.ts";
import { type Clock, systemClock, type Timer } from "./clock.ts";
import { namedDialects, readListeners } from "./config/listener-text.ts";
import type { Config } from "./config/options.ts";
import { isPollingOn } from "./config/polling-option.ts";
import { readVirtualHosts } from "./config/virtual-host-text.ts";
import { createDialects as createAllDialects, type DialectParts } from "./dialects/all.ts";
import { createTopicRates, Entrance } from "./entrance/entrance.ts";
import { openFrontDoor } from "./http/front-door.ts";
import type { RelayFigures } from "./http/routes.ts";
import { Hub } from "./hub/hub.ts";
import { maxPayloadBytesFor } from "./limits/payload-limit.ts";
import { ConnectionEvents } from "./observability/connection-events.ts";
import { LatencyHistogram } from "./observability/latency-histogram.ts";
import { Statistics } from "./observability/statistics.ts";
import { createTopicHash } from "./observability/topic-hash.ts";
import { Observation } from "./observation.ts";
import { type OpenPort, openPort, type PortPlace, type RelayAddress } from "./open-port.ts";
import { RelayState } from "./relay-state.ts";
import { Connections } from "./session/connections.ts";
import { Dialects } from "./session/dialects.ts";
import type { Dialect } from "./session/ports.ts";
import { createStateStore, State } from "./state/state.ts";
import { createStore } from "./store/create-store.ts";
import { Mailboxes } from "./store/mailboxes.ts";
import { StunResponder } from "./stun/responder.ts";
import type { Attester } from "./tls/attester.ts";
import { createAttester } from "./tls/create-attester.ts";
import type { CertificateSource, CertificateStatus } from "./tls/source.ts";
import type { CertificateStore } from "./tls/store/ports.ts";
import { TurnClock } from "./turn-clock.ts";

/** A request of a client that polls leaves as much to V8's collector as so many messages, at least. */
const MESSAGES_OF_A_POLL = 4;

/** Time limits of slow readers are exact to this. */
const SLOW_READER_CHECK_MS = 250;
/** And those of whoever waits in a dialect to this. */
const DIALECT_CHECK_MS = 1000;
/** What a client is told that reads too slowly. */
const SLOW_READER_CLOSES = {
  "outbox-full": { code: CloseCode.tryAgainLater, reason: "outbox full" },
  stalled: { code: CloseCode.stalledReader, reason: "reads nothing" },
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
  /** How much it has done since the start, in messages: taken for topics and mailboxes, given from mailboxes, and what polls cost. */
  workCount(): number;
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
  /** Where its own key is kept, in place of what the options say. */
  readonly keyStore?: CertificateStore;
  /**
   * Makes the dialects that it speaks, in the order in which they are asked, in place of relay/dialects/all.ts.
   * @param names those that the options name.
   */
  readonly createDialects?: (parts: DialectParts, names: readonly string[]) => readonly Dialect[];
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
    keyStore,
    createDialects = createAllDialects,
    onDrainRequested = () => undefined,
    lostLogLines = () => 0,
  }: RelayParts,
): Relay {
  const parts = createParts(config, { log, clock, keyStore, createDialects, onDrainRequested, lostLogLines });
  const { authority, connections, entrance, kept, mailboxes, observation, state, statistics, stun, turnClock } = parts;
  let checks: readonly Timer[] = [];
  let port: OpenPort | undefined;

  return {
    async start() {
      try {
        await authority.start();
        await kept.start();
        await mailboxes?.start();
        await observation.start();
        await stun.start();
        port = await openPort(config, { log, clock, isPortChosen, source, attester: parts.attester }, (server, place) =>
          serveOn(server, place, parts),
        );
      } catch (error) {
        authority.stop();
        await Promise.all([stun.stop(), observation.stop(), mailboxes?.stop()]);
        throw error;
      }
      entrance.start();
      connections.start();
      turnClock.start();
      checks = startChecks(parts);
      statistics.start(config.statsIntervalMs);
      state.started(port.status);
      return port.address;
    },
    async stop() {
      state.draining();
      // Whoever comes from now on belongs to the others that share the port.
      if (config.reusePort) await Promise.all([port?.stopListening(), stun.stop()]);
      entrance.drain();
      await Promise.all([port?.stopRenewing(), connections.drain(config.drainTimeoutMs)]);
      entrance.stop();
      statistics.stop();
      for (const check of checks) check.cancel();
      turnClock.stop();
      authority.stop();
      await Promise.all([port?.close(), stun.stop(), observation.stop(), mailboxes?.stop()]);
    },
    reload: () => authority.reload(),
    figures: () => state.figures(),
    workCount: () =>
      state.figures().messages + (mailboxes?.messageCount ?? 0) + entrance.pollRequestCount * MESSAGES_OF_A_POLL,
    certificate: () => port?.status?.(),
  };
}

type Parts = {
  /** Undefined where it has no key of its own. */
  readonly attester: Attester | undefined;
  readonly authority: Authority;
  readonly connections: Connections;
  readonly dialects: Dialects;
  readonly entrance: Entrance;
  readonly hub: Hub;
  readonly kept: State;
  /** Undefined where the relay keeps none. */
  readonly mailboxes: Mailboxes | undefined;
  readonly observation: Observation;
  readonly state: RelayState;
  readonly statistics: Statistics;
  readonly stun: StunResponder;
  readonly turnClock: TurnClock;
};

/** Who has had too much time is found by these. */
function startChecks({ turnClock, hub, dialects }: Parts): readonly Timer[] {
  return [
    turnClock.every(SLOW_READER_CHECK_MS, () => hub.endOverdueReaders()),
    turnClock.every(DIALECT_CHECK_MS, () => dialects.lookAround()),
  ];
}

type Given = Required<Pick<RelayParts, "log" | "clock" | "createDialects" | "onDrainRequested" | "lostLogLines">> & {
  readonly keyStore: CertificateStore | undefined;
};

function createParts(config: Config, given: Given): Parts {
  const { log, clock, keyStore, createDialects, onDrainRequested, lostLogLines } = given;
  const turnClock = new TurnClock(clock);
  const topicRates = createTopicRates(config, turnClock);
  const hub = new Hub(
    { ...config, closeFor: SLOW_READER_CLOSES },
    { time: turnClock, createTopicRate: () => topicRates.create() },
  );
  const authority = createAuthority({ clock, log }, config);
  const connections = new Connections(turnClock, config);
  const { maxFrameBytes, maxTopicsPerConnection, pingIntervalMs } = config;
  const limits = { maxFrameBytes, maxTopicsPerConnection, maxPayloadBytes: maxPayloadBytesFor(maxFrameBytes) };
  const nowMs = (): number => clock.epochMs();
  const kept = new State({ log }, createStateStore(config));
  const takeovers = new Takeovers();
  const store = createStore(clock, config);
  const mailboxes = store && new Mailboxes({ store, clock, log }, config);
  const attester = createAttester({ clock, log }, config, keyStore);
  const known = {
    hub,
    attestation: () => attester?.attestation,
    limits,
    linkFeatures: isPollingOn(config) ? [POLLING_FEATURE] : [],
    pingIntervalMs,
    time: turnClock,
    nowMs,
    takeovers,
    cryptography: new NodeCryptography(),
    createTable: kept.table.bind(kept),
    pairs: config,
    agents: config,
    meshes: config,
    mailboxes,
    mailboxOptions: config,
  };
  const dialects = placeDialects(config, createDialects(known, namedDialects(config)));
  const hashTopic = createTopicHash();
  const statistics = new Statistics({ clock, hub, log, hashTopic, connectionCount: () => connections.count });
  const state = new RelayState(clock, { hub, connections, dialects });
  const events = new ConnectionEvents({ clock, log, clients: dialects.clients, hash: hashTopic }, config);
  const latency = new LatencyHistogram();
  const stun = new StunResponder({ clock, log }, config);
  const carried = { log, connections, dialects, authority, topicRates, latency };
  const entrance = new Entrance(config, { ...carried, clock: turnClock, accessLog: events });
  const seen = { clock, log, hashTopic, hub, dialects, connections, state, entrance, authority, stun, events, latency };
  const parts = { ...seen, mailboxes };
  const observation = new Observation({ ...parts, config, requestDrain: onDrainRequested, lostLogLines });
  return { ...parts, attester, kept, observation, statistics, turnClock };
}

/** At the shared address those that `DIALECTS` names, at each further port and each virtual host those that it names. */
function placeDialects(config: Config, all: readonly Dialect[]): Dialects {
  const apart = namedDialects(config).filter((name) => !config.dialects.includes(name));
  const dialects = new Dialects(all, apart);
  for (const { port, dialects: names } of readListeners(config.listen)) dialects.listenOn(port, names);
  for (const { host, dialects: names } of readVirtualHosts(config.virtualHosts)) dialects.answerAs(host, names);
  return dialects;
}

/** What the server's events lead to. */
function serveOn(server: Server, place: PortPlace, { entrance, observation }: Parts): void {
  entrance.guard(server);
  observation.watch(server);
  openFrontDoor(server, { routes: observation.routesAt(place), entrance });
}
