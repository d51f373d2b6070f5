import { clientNetwork } from "./address.ts";
import { type Rate, TokenBucket } from "./token-bucket.ts";

/** What one address may do: one IPv4 address, or the /64 of an IPv6 address. 0 is no limit, but for handshakes and HTTP. */
export type AddressLimitOptions = {
  readonly maxConnectionsPerIp: number;
  readonly connectionsPerIpPerMinute: number;
  readonly maxHandshakesInFlight: number;
  readonly maxHttpConnections: number;
};

/** What becomes of a new connection: "over-rate" is to be told so, "flooding" goes on all the same and is told nothing. */
export type Arrival = "ok" | "over-rate" | "flooding";

/** Addresses that are remembered while they have no connection, for their rate. Beyond it, the oldest is forgotten. */
const MAX_IDLE_ADDRESSES = 65_536;
/** After this a rate is as good as new. */
const MINUTE_MS = 60_000;
/** Nobody may have more than this part of the handshakes, or of the HTTP connections: 1 of 2. */
const SHARE = 2;

type Entry = {
  connections: number;
  handshakes: number;
  http: number;
  idleSinceMs: number;
  /** Undefined where there is no limit. `refused`: those that are told that they come too fast. */
  readonly arrivals: TokenBucket | undefined;
  readonly refused: TokenBucket | undefined;
};

/**
 * Counts what each address has, and how fast it comes. What it keeps is bounded: addresses with connections by the limits
 * on connections, the others in number, and for a minute.
 */
export class AddressLimits {
  readonly #options: AddressLimitOptions;
  readonly #rate: Rate | undefined;
  /** Those with a connection of any kind. */
  readonly #active = new Map<string, Entry>();
  /** Those with none, the one that became so first at the front. */
  readonly #idle = new Map<string, Entry>();
  #handshakeCount = 0;
  #httpCount = 0;

  constructor(options: AddressLimitOptions) {
    this.#options = options;
    const burst = options.connectionsPerIpPerMinute;
    this.#rate = burst === 0 ? undefined : { perSecond: burst / 60, burst };
  }

  /** Handshakes now, of all addresses. */
  get handshakeCount(): number {
    return this.#handshakeCount;
  }

  /** HTTP connections now, of all addresses. */
  get httpCount(): number {
    return this.#httpCount;
  }

  /** How many addresses are kept. */
  get addressCount(): number {
    return this.#active.size + this.#idle.size;
  }

  /** Counts a new connection of this address. @param nowMs a monotonic time in milliseconds. */
  arrived(address: string, nowMs: number): Arrival {
    if (this.#rate === undefined) return "ok";
    const network = clientNetwork(address);
    const entry = this.#active.get(network) ?? this.#touchIdle(network, nowMs);
    if (entry.arrivals?.tryTake(nowMs)) return "ok";
    return entry.refused?.tryTake(nowMs) ? "over-rate" : "flooding";
  }

  /**
   * Takes a place among the handshakes, if there is one: the caller owes an `endHandshake`.
   * @param address undefined where it stands for many clients, as that of a proxy does.
   */
  beginHandshake(address: string | undefined): "ok" | "too-many-handshakes" | "too-many-handshakes-from-address" {
    const { maxHandshakesInFlight } = this.#options;
    if (this.#handshakeCount >= maxHandshakesInFlight) return "too-many-handshakes";
    if (address !== undefined) {
      const network = clientNetwork(address);
      const handshakes = this.#active.get(network)?.handshakes ?? 0;
      if (handshakes >= Math.ceil(maxHandshakesInFlight / SHARE)) return "too-many-handshakes-from-address";
      this.#activate(network).handshakes += 1;
    }
    this.#handshakeCount += 1;
    return "ok";
  }

  endHandshake(address: string | undefined, nowMs: number): void {
    this.#handshakeCount -= 1;
    if (address === undefined) return;
    const network = clientNetwork(address);
    const entry = this.#active.get(network);
    if (entry === undefined) return;
    entry.handshakes -= 1;
    this.#settle(network, entry, nowMs);
  }

  /**
   * Takes a place among the HTTP connections, if there is one: the caller owes an `endHttp`.
   * @param address undefined where it stands for many clients.
   */
  tryHttp(address: string | undefined): boolean {
    const { maxHttpConnections } = this.#options;
    if (this.#httpCount >= maxHttpConnections) return false;
    if (address !== undefined) {
      const network = clientNetwork(address);
      const http = this.#active.get(network)?.http ?? 0;
      if (http >= Math.ceil(maxHttpConnections / SHARE)) return false;
      this.#activate(network).http += 1;
    }
    this.#httpCount += 1;
    return true;
  }

  endHttp(address: string | undefined, nowMs: number): void {
    this.#httpCount -= 1;
    if (address === undefined) return;
    const network = clientNetwork(address);
    const entry = this.#active.get(network);
    if (entry === undefined) return;
    entry.http -= 1;
    this.#settle(network, entry, nowMs);
  }

  /** Takes one of the address's connections, if there is one: the caller owes a `disconnect`. */
  tryConnect(address: string): boolean {
    const { maxConnectionsPerIp } = this.#options;
    const network = clientNetwork(address);
    const connections = this.#active.get(network)?.connections ?? 0;
    if (maxConnectionsPerIp > 0 && connections >= maxConnectionsPerIp) return false;
    this.#activate(network).connections += 1;
    return true;
  }

  disconnect(address: string, nowMs: number): void {
    const network = clientNetwork(address);
    const entry = this.#active.get(network);
    if (entry === undefined) return;
    entry.connections -= 1;
    this.#settle(network, entry, nowMs);
  }

  #activate(network: string): Entry {
    const active = this.#active.get(network);
    if (active !== undefined) return active;
    const entry = this.#idle.get(network) ?? this.#newEntry(0);
    this.#idle.delete(network);
    this.#active.set(network, entry);
    return entry;
  }

  /** What has no connection is kept for its rate alone. */
  #settle(network: string, entry: Entry, nowMs: number): void {
    if (entry.connections > 0 || entry.handshakes > 0 || entry.http > 0) return;
    this.#active.delete(network);
    if (this.#rate === undefined) return;
    this.#keepIdle(network, entry, nowMs);
  }

  /** The last to come is the last to be forgotten. */
  #touchIdle(network: string, nowMs: number): Entry {
    const entry = this.#idle.get(network) ?? this.#newEntry(nowMs);
    this.#idle.delete(network);
    this.#keepIdle(network, entry, nowMs);
    return entry;
  }

  #keepIdle(network: string, entry: Entry, nowMs: number): void {
    entry.idleSinceMs = nowMs;
    this.#idle.set(network, entry);
    this.#forgetIdle(nowMs);
  }

  #newEntry(nowMs: number): Entry {
    const rate = this.#rate;
    return {
      connections: 0,
      handshakes: 0,
      http: 0,
      idleSinceMs: nowMs,
      arrivals: rate && new TokenBucket(rate, nowMs),
      refused: rate && new TokenBucket(rate, nowMs),
    };
  }

  #forgetIdle(nowMs: number): void {
    for (const [network, { idleSinceMs }] of this.#idle) {
      if (nowMs - idleSinceMs < MINUTE_MS && this.#idle.size <= MAX_IDLE_ADDRESSES) return;
      this.#idle.delete(network);
    }
  }
}
