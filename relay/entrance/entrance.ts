import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Authority } from "../auth/ports.ts";
import type { Config } from "../config/options.ts";
import { isPollingOn } from "../config/polling-option.ts";
import { Networks } from "../limits/address.ts";
import { AddressLimits } from "../limits/address-limits.ts";
import { MemoryPressure } from "../limits/memory-pressure.ts";
import { maxUploadBytesFor } from "../limits/poll-limits.ts";
import { RateClasses } from "../limits/rate-classes.ts";
import { Returners } from "../limits/returners.ts";
import { ratesOf } from "../limits/sender-rate.ts";
import { TopicRates } from "../limits/topic-rates.ts";
import type { EntranceReading } from "../observability/readings.ts";
import { Polling } from "../polling/polling.ts";
import type { Connections } from "../session/connections.ts";
import type { Dialects } from "../session/dialects.ts";
import type { TurnClock } from "../turn-clock.ts";
import { Flusher, type LatencySink } from "../websocket/flusher.ts";
import { Throttle } from "../websocket/throttle.ts";
import { Admission } from "./admission.ts";
import { ClientAddresses } from "./client-address.ts";
import { ConnectionGate } from "./connection-gate.ts";
import { HeldAnswers } from "./held-answers.ts";
import { PollOpening } from "./poll-opening.ts";
import { Reception } from "./reception.ts";
import { Upgrade, type UpgradeParts } from "./upgrade.ts";

/** What it uses. */
export type EntranceParts = Pick<UpgradeParts, "accessLog"> & {
  readonly latency: LatencySink;
  readonly clock: TurnClock;
  readonly dialects: Dialects;
  readonly log: Logger;
  readonly connections: Connections;
  readonly authority: Authority;
  readonly topicRates: TopicRates;
};

/** The rates of topics: the hub needs them before anybody can come in. */
export function createTopicRates(config: Config, clock: TurnClock): TopicRates {
  const { messagesPerSecondPerTopic, bytesPerSecondPerTopic, rateBurstMs } = config;
  return new TopicRates(ratesOf(messagesPerSecondPerTopic, bytesPerSecondPerTopic, rateBurstMs), clock);
}

/** Everything between an accepted connection and its session: who comes in, and how fast they may send. Wiring only. */
export class Entrance {
  readonly #gate: ConnectionGate;
  readonly #admission: Admission;
  readonly #returners: Returners;
  readonly #throttle: Throttle;
  readonly #topicRates: TopicRates;
  readonly #memory: MemoryPressure;
  readonly #upgrade: Upgrade;
  readonly #answers: HeldAnswers;
  /** Undefined where it is off. */
  readonly #polling: Polling | undefined;

  constructor(config: Config, { clock, log, connections, dialects, authority, topicRates, ...parts }: EntranceParts) {
    const trustedProxies = new Networks(config.trustedProxies);
    const allowed = new Networks(config.ipAllow);
    const denied = new Networks(config.ipDeny);
    const addresses = new ClientAddresses(trustedProxies, config.forwardedHeader);
    const limits = new AddressLimits(config);
    const returners = new Returners(clock);
    const memory = new MemoryPressure(clock, () => process.memoryUsage.rss(), config);
    const gate = new ConnectionGate({ clock, limits, returners, addresses, denied, trustedProxies }, config);
    const asked = {
      clock,
      connections,
      dialects,
      arrivals: gate,
      addresses,
      limits,
      returners,
      allowed,
      denied,
      memory,
      authority,
    };
    const admission = new Admission(asked, config);
    const { messagesPerSecondPerConnection, bytesPerSecondPerConnection, rateBurstMs } = config;
    const rates = ratesOf(messagesPerSecondPerConnection, bytesPerSecondPerConnection, rateBurstMs);
    const throttle = new Throttle(clock, new RateClasses(rates, config.rateClasses));
    const reception = new Reception({ clock, log, accessLog: parts.accessLog, connections, admission });
    const onUpgraded = (socket: Socket): void => gate.upgraded(socket);
    this.#gate = gate;
    this.#admission = admission;
    this.#returners = returners;
    this.#throttle = throttle;
    this.#topicRates = topicRates;
    this.#memory = memory;
    const flusher = new Flusher(clock, config, parts.latency);
    const linkOptions = { ...config, closeTimeoutMs: config.drainTimeoutMs };
    this.#upgrade = new Upgrade({ ...parts, clock, flusher, admission, reception, throttle, onUpgraded }, linkOptions);
    this.#answers = new HeldAnswers(clock);
    const openings = new PollOpening(
      { ...parts, admission, reception, links: { clock, flusher, throttle } },
      linkOptions,
    );
    const maxUploadBytes = maxUploadBytesFor(config.maxFrameBytes);
    const polling = {
      clock,
      openings,
      places: gate,
      answers: this.#answers,
      graceMs: config.handshakeTimeoutMs,
      maxUploadBytes,
    };
    this.#polling = isPollingOn(config) ? new Polling(polling) : undefined;
  }

  /** Answers the requests of long polls; undefined where there are none. */
  get polling(): Polling | undefined {
    return this.#polling;
  }

  /** Requests of clients that poll, since the start. */
  get pollRequestCount(): number {
    return this.#polling?.requestCount ?? 0;
  }

  /** To be called before the server listens, and before others look at its connections. */
  guard(server: Server): void {
    this.#gate.guard(server);
  }

  start(): void {
    this.#memory.start();
    this.#upgrade.start();
  }

  /** From now on nobody comes in: every upgrade is refused with 503. */
  drain(): void {
    this.#admission.drain();
  }

  /** Nobody is in any more. */
  stop(): void {
    this.#memory.stop();
    this.#upgrade.stop();
    this.#answers.stop();
  }

  /** Takes an `upgrade` event of the HTTP server. */
  upgrade(request: IncomingMessage, head: Buffer): void {
    this.#upgrade.handle(request, request.socket, head);
  }

  /** A plain request has come. @returns whether its connection may stay for another one. */
  requested(request: IncomingMessage): boolean {
    return this.#polling?.hasPlaceFor(request) === true || this.#gate.requested(request.socket);
  }

  /** Answers a request whose Upgrade was taken on the way. @returns whether it was one. */
  answerStripped(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#upgrade.answerStripped(request, response);
  }

  /** Under what a client is counted: its address, however it came; "" where it is gone. */
  clientOf(request: IncomingMessage): string {
    return this.#admission.addressOf(request) ?? "";
  }

  /** Whether who sends a plain request might open a connection, as far as its address and its page's site go. */
  mayAsk(request: IncomingMessage): boolean {
    return this.#admission.mayAsk(request);
  }

  /** Connections that were closed before TLS, and upgrades that were refused, since the start: by a closed set of words. */
  refused(): Readonly<Record<string, number>> {
    const { refused } = this.#gate.counts();
    const { "address-denied": denied, "proxy-header": proxyHeader } = refused;
    return { ...this.#admission.counts(), "address-denied": denied, "proxy-header": proxyHeader };
  }

  /** Who is on the way in, or kept waiting, now. */
  reading(): EntranceReading {
    const { handshakesInFlight, httpConnections, addresses } = this.#gate.counts();
    const throttled = this.#throttle.waitingCount;
    const polling = this.#polling?.count ?? 0;
    return { handshakesInFlight, httpConnections, clientAddresses: addresses, throttled, polling };
  }

  /** Times that each limit was hit since the start: refusals of connections and upgrades, and waits of senders. */
  limitHits(): Readonly<Record<string, number>> {
    const { refused: before, httpRefused } = this.#gate.counts();
    const upgrades = this.#admission.counts();
    return {
      "address-rate": before["address-rate"] + upgrades["address-rate"],
      "address-connections": upgrades["address-connections"],
      "handshakes-in-flight": before["too-many-handshakes"] + before["too-many-handshakes-from-address"],
      "http-connections": httpRefused,
      connections: upgrades["max-connections"],
      undecided: upgrades.undecided,
      memory: upgrades.memory,
      returning: this.#returners.hitCount,
      "connection-rate": this.#throttle.hitCount,
      "topic-rate": this.#topicRates.waitCount,
    };
  }
}
