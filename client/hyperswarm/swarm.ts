import type NoiseSecretStream from "@hyperswarm/secret-stream";
import Hyperswarm from "hyperswarm";
import type { RelayDHTOptions } from "./options.ts";
import { swarmKeyPair } from "./options.ts";

/** The options of a Hyperswarm and of its RelayDHT. */
export type SwarmOptions = Omit<Hyperswarm.Options, "dht" | "keyPair" | "seed" | "bootstrap" | "relayThrough"> &
  Omit<RelayDHTOptions, "keyPair"> & { readonly keyPair?: NoiseSecretStream.KeyPair | undefined };

/** Makes a Hyperswarm whose network `createNetwork` makes, both with one key pair. */
export function createSwarm(options: SwarmOptions, createNetwork: (options: RelayDHTOptions) => object): Hyperswarm {
  const keyPair = swarmKeyPair(options.keyPair, options.seed);
  const { maxPeers, maxClientConnections, maxServerConnections, maxParallel, firewall, backoffs, jitter, ...rest } =
    options;
  const given = { maxPeers, maxClientConnections, maxServerConnections, maxParallel, firewall, backoffs, jitter };
  const swarmOptions = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return new Hyperswarm({ ...swarmOptions, keyPair, dht: createNetwork({ ...rest, keyPair }) });
}
