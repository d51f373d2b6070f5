import type { RemoteInfo, Socket } from "node:dgram";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { Counter } from "../counter.ts";
import { addressBytes, Networks, plainAddress } from "../limits/address.ts";
import { NetworkRates } from "../limits/network-rates.ts";
import { DiscoveryRates } from "./discovery-rates.ts";
import { answerTo, type Discovery, type Endpoint, type Request, readRequest } from "./message.ts";
import { type DiscoverySite, openSites, type Site, type SiteOptions } from "./sites.ts";

/** Answers that the system has not taken yet: above it, whoever asks has to ask again. */
const MAX_WAITING_ANSWERS = 256;

/** After a silence a network may have what two seconds allow at once: the pages of an office open together. */
const BURST_SECONDS = 2;

/** What became of a datagram: label words of relay_stun_datagrams_total, explained in docs/metrics.md. */
const OUTCOMES = [
  "answered",
  "answered-discovery",
  "refused",
  "not-stun",
  "malformed",
  "not-a-request",
  "wrong-fingerprint",
  "not-allowed",
  "over-rate",
  "failed",
] as const;
type Outcome = (typeof OUTCOMES)[number];

/** Where a request came to. */
type Place = Pick<Site, "socket" | "discovery">;

/** What is said, from where, and what that is. */
type Answer = {
  readonly socket: Socket;
  readonly bytes: Buffer;
  readonly outcome: "answered" | "answered-discovery" | "refused";
};

/** What it uses. */
export type StunResponderParts = { readonly clock: Clock; readonly log: Logger };

/** What tunes it. */
export type StunResponderOptions = SiteOptions & {
  /** Requests of one network that are answered in a second, at least 1. */
  readonly stunRequestsPerSecond: number;
  /** Empty: all. */
  readonly ipAllow: readonly string[];
  readonly ipDeny: readonly string[];
};

/**
 * Tells whoever asks by UDP from which address and port the question came (RFC 8489, Binding), so that two peers can try a
 * direct path; and where it has two addresses, what there is to find out about the client's NAT (RFC 5780). It keeps nothing
 * of who asked but how often their network did. A port 0 (`stunPort`): there is none.
 */
export class StunResponder {
  readonly #parts: StunResponderParts;
  readonly #options: StunResponderOptions;
  readonly #allowed: Networks;
  readonly #denied: Networks;
  readonly #rates: NetworkRates;
  readonly #outcomes = new Counter<Outcome>(OUTCOMES);
  readonly #discoveryRates: DiscoveryRates;
  readonly #sent = {
    answered: this.#sentAs("answered"),
    "answered-discovery": this.#sentAs("answered-discovery"),
    refused: this.#sentAs("refused"),
  };
  #sockets: readonly Socket[] = [];
  #waitingAnswers = 0;

  constructor(parts: StunResponderParts, options: StunResponderOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#allowed = new Networks(options.ipAllow);
    this.#denied = new Networks(options.ipDeny);
    const perSecond = options.stunRequestsPerSecond;
    this.#rates = new NetworkRates({ perSecond, burst: perSecond * BURST_SECONDS });
    this.#discoveryRates = new DiscoveryRates(parts.clock.monotonicMs());
  }

  /** Begins to answer, where there is a port for it. @throws RelayError where a port cannot be had. */
  async start(): Promise<void> {
    if (this.#options.stunPort === 0) return;
    const sites = await openSites(this.#options);
    this.#sockets = sites.map(({ socket }) => socket);
    for (const { listening, ...place } of sites) {
      place.socket.on("message", (datagram, from) => this.#take(place, datagram, from));
      const { host, port } = listening;
      this.#parts.log.info({ host, port }, "stun listening");
    }
  }

  /** Answers nobody any more; resolves when the ports are free. There is nothing to drain. */
  async stop(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = [];
    await Promise.all(sockets.map(closed));
  }

  /** Datagrams since the start, by what became of them. */
  counts(): Readonly<Record<Outcome, number>> {
    return this.#outcomes.read();
  }

  #take(place: Place, datagram: Buffer, { address, port }: RemoteInfo): void {
    const request = readRequest(datagram, { isDiscovery: place.discovery !== undefined });
    if (typeof request === "string") return this.#outcomes.add(request);
    const from = plainAddress(address);
    // A sender may write port 0, to which nothing can be sent.
    const isReachable = from !== undefined && port !== 0 && this.#waitingAnswers < MAX_WAITING_ANSWERS;
    if (!isReachable) return this.#outcomes.add("failed");
    if (!this.#isAllowed(from)) return this.#outcomes.add("not-allowed");
    const source = { address: addressBytes(from), port };
    if (!this.#rates.tryTake(source.address, this.#parts.clock.monotonicMs())) return this.#outcomes.add("over-rate");
    const answer = this.#answerFrom(place, datagram, request, source);
    if (answer === undefined) return this.#outcomes.add("over-rate");
    this.#waitingAnswers += 1;
    answer.socket.send(answer.bytes, port, address, this.#sent[answer.outcome]);
  }

  /**
   * What is said, and from where. Above the rates of discovery nothing is said of that: the answer is one of RFC 8489 alone,
   * and undefined where the client wants it from elsewhere.
   */
  #answerFrom({ socket, discovery }: Place, datagram: Buffer, request: Request, source: Endpoint): Answer | undefined {
    if (request.unknown.length > 0) {
      return { socket, bytes: answerTo(datagram, request, source), outcome: "refused" };
    }
    if (discovery !== undefined && this.#discoveryRates.tryTake(source.address, this.#parts.clock.monotonicMs())) {
      const { socket: from, told } = discoveryOf(discovery, request);
      return { socket: from, bytes: answerTo(datagram, request, source, told), outcome: "answered-discovery" };
    }
    if (request.change !== undefined) return undefined;
    return { socket, bytes: answerTo(datagram, request, source), outcome: "answered" };
  }

  #isAllowed(address: string): boolean {
    return !this.#denied.has(address) && (this.#allowed.isEmpty || this.#allowed.has(address));
  }

  #sentAs(outcome: Outcome): (error: Error | null) => void {
    return (error) => {
      this.#waitingAnswers -= 1;
      this.#outcomes.add(error === null ? outcome : "failed");
    };
  }
}

/** RFC 5780 section 6.1, table 1. */
function discoveryOf(here: DiscoverySite, { change }: Request): { readonly socket: Socket; readonly told: Discovery } {
  const from = change === undefined ? here : here.changed(change);
  const other = here.changed({ address: true, port: true }).endpoint;
  return { socket: from.socket, told: { origin: from.endpoint, other } };
}

async function closed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.close(resolve);
  await promise;
}
