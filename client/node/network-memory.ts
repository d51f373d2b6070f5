import { createHash } from "node:crypto";
import { getServers } from "node:dns";
import { networkInterfaces } from "node:os";
import type { Transport, TransportMemory } from "../line/transport.ts";

/** Networks that are remembered: a laptop sees a few. */
const MAX_NETWORKS = 32;

/** Remembers which transport has worked in each network that this machine was in; for as long as the relay is kept. */
export class NetworkMemory implements TransportMemory {
  readonly #network: () => string;
  readonly #known = new Map<string, Transport>();

  /** @param network names the present network; left out: a hash of subnets and resolvers. */
  constructor(network: () => string = presentNetwork) {
    this.#network = network;
  }

  recall(): Transport | undefined {
    return this.#known.get(this.#network());
  }

  remember(transport: Transport): void {
    const network = this.#network();
    this.#known.delete(network);
    this.#known.set(network, transport);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_NETWORKS && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** The same in the same network: which subnets there are, and who resolves names. */
function presentNetwork(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const subnets = addresses
    .filter(({ internal }) => !internal)
    .map(({ address, netmask }) => subnetOf(address, netmask));
  const parts = [[...new Set(subnets)].toSorted(), getServers()];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** Of an IPv4 address what its mask leaves; of an IPv6 address, whose end changes by the day, the first 64 bits. */
function subnetOf(address: string, netmask: string): string {
  if (address.includes(":")) return address.split(":").slice(0, 4).join(":");
  const mask = netmask.split(".").map(Number);
  return address
    .split(".")
    .map((part, index) => Number(part) & (mask[index] ?? 0))
    .join(".");
}
