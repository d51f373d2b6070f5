import { randomBytes } from "node:crypto";
import { type Rate, TokenBucket } from "./token-bucket.ts";

/** Networks share these by a hash that nobody outside knows: no number of them takes more memory, and none is forgotten. */
const SLOTS = 16_384;

/**
 * How fast each network may ask: one IPv4 /24, or one IPv6 /64. A whole network and no single address, because where the
 * sender writes what it likes into a request as its source, it is the network behind that address that gets the answers.
 * What it keeps is bounded: 16,384 buckets, whatever comes.
 */
export class NetworkRates {
  readonly #rate: Rate;
  readonly #buckets = Array.from<TokenBucket | undefined>({ length: SLOTS });
  readonly #seed = randomBytes(4).readUInt32BE(0);

  /** @param rate of one network: requests. */
  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /**
   * Takes one request of this address's network, if it may have one.
   * @param address 4 or 16 bytes.
   * @param nowMs a monotonic time in milliseconds.
   */
  tryTake(address: Uint8Array, nowMs: number): boolean {
    const slot = this.#slotOf(address);
    return (this.#buckets[slot] ??= new TokenBucket(this.#rate, nowMs)).tryTake(nowMs);
  }

  #slotOf(address: Uint8Array): number {
    const isIpv4 = address.length === 4;
    let hash = this.#seed ^ address.length;
    for (const byte of address.subarray(0, isIpv4 ? 3 : 8)) {
      hash = Math.imul(hash ^ byte, 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return (hash >>> 0) % SLOTS;
  }
}
