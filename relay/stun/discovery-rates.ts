import { NetworkRates } from "../limits/network-rates.ts";
import { TokenBucket } from "../limits/token-bucket.ts";

/** To find out what its NAT does takes a client up to ten requests; behind one network there may be several. */
const NETWORK_RATE = { perSecond: 5, burst: 20 } as const;
/** Under 20 kB in a second leave the relay in such answers, whatever comes: not worth an attack. */
const RATE_OF_ALL = { perSecond: 100, burst: 200 } as const;

/**
 * How many answers may tell of behaviour (RFC 5780). They are larger than 1.6 times their requests, so they have rates that
 * are far below those of others: one of each network, and one of all networks together, which no made-up source gets around.
 */
export class DiscoveryRates {
  readonly #networks = new NetworkRates(NETWORK_RATE);
  readonly #all: TokenBucket;

  constructor(nowMs: number) {
    this.#all = new TokenBucket(RATE_OF_ALL, nowMs);
  }

  /** Takes one answer for this address's network, if it may have one. @param address 4 or 16 bytes. */
  tryTake(address: Uint8Array, nowMs: number): boolean {
    // The network first: one that is above its own rate takes nothing from the others.
    return this.#networks.tryTake(address, nowMs) && this.#all.tryTake(nowMs);
  }
}
