import type { RemoteInfo, Socket } from "node:dgram";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { Counter } from "../counter.ts";
import { addressBytes, Networks, plainAddress } from "../limits/address.ts";
import { NetworkRates } from "../limits/network-rates.ts";
import { answerTo, readRequest } from "./message.ts";
import { bindUdp } from "./udp-socket.ts";

/** Answers that the system has not taken yet: above it, whoever asks has to ask again. */
const MAX_WAITING_ANSWERS = 256;

/** After a silence a network may have what two seconds allow at once: the pages of an office open together. */
const BURST_SECONDS = 2;

/** What became of a datagram: label words of relay_stun_datagrams_total, explained in docs/metrics.md. */
const OUTCOMES = [
  "answered",
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

/** What it uses. */
export type StunResponderParts = { readonly clock: Clock; readonly log: Logger };

/** What tunes it. */
export type StunResponderOptions = {
  readonly host: string;
  /** 0: there is none. */
  readonly stunPort: number;
  readonly reusePort: boolean;
  /** Requests of one network that are answered in a second, at least 1. */
  readonly stunRequestsPerSecond: number;
  /** Empty: all. */
  readonly ipAllow: readonly string[];
  readonly ipDeny: readonly string[];
};

/**
 * Tells whoever asks by UDP from which address and port the question came (RFC 8489, Binding), so that two peers can try a
 * direct path. It keeps nothing of who asked but how often their network did.
 */
export class StunResponder {
  readonly #parts: StunResponderParts;
  readonly #options: StunResponderOptions;
  readonly #allowed: Networks;
  readonly #denied: Networks;
  readonly #rates: NetworkRates;
  readonly #outcomes = new Counter<Outcome>(OUTCOMES);
  readonly #sent = { answered: this.#sentAs("answered"), refused: this.#sentAs("refused") };
  #socket: Socket | undefined;
  #waitingAnswers = 0;

  constructor(parts: StunResponderParts, options: StunResponderOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#allowed = new Networks(options.ipAllow);
    this.#denied = new Networks(options.ipDeny);
    const perSecond = options.stunRequestsPerSecond;
    this.#rates = new NetworkRates({ perSecond, burst: perSecond * BURST_SECONDS });
  }

  /** Begins to answer, where there is a port for it. @throws RelayError where the port cannot be had. */
  async start(): Promise<void> {
    const { host: wantedHost, stunPort: port, reusePort } = this.#options;
    if (port === 0) return;
    const target = { host: wantedHost, port, reusePort };
    const { socket, host } = await bindUdp(target, (datagram, from) => this.#take(datagram, from));
    this.#socket = socket;
    this.#parts.log.info({ host, port }, "stun listening");
  }

  /** Answers nobody any more; resolves when the port is free. There is nothing to drain. */
  async stop(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    socket.close(resolve);
    await closed;
  }

  /** Datagrams since the start, by what became of them. */
  counts(): Readonly<Record<Outcome, number>> {
    return this.#outcomes.read();
  }

  #take(datagram: Buffer, { address, port }: RemoteInfo): void {
    const request = readRequest(datagram);
    if (typeof request === "string") return this.#outcomes.add(request);
    const from = plainAddress(address);
    // A sender may write port 0, to which nothing can be sent.
    const isReachable = from !== undefined && port !== 0 && this.#waitingAnswers < MAX_WAITING_ANSWERS;
    if (!isReachable) return this.#outcomes.add("failed");
    if (!this.#isAllowed(from)) return this.#outcomes.add("not-allowed");
    const source = { address: addressBytes(from), port };
    if (!this.#rates.tryTake(source.address, this.#parts.clock.monotonicMs())) return this.#outcomes.add("over-rate");
    this.#waitingAnswers += 1;
    const sent = request.unknown.length === 0 ? this.#sent.answered : this.#sent.refused;
    this.#socket?.send(answerTo(datagram, request, source), port, address, sent);
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
