// oxlint-disable-next-line typescript/triple-slash-reference -- the packages have no types, and what is published names them
/// <reference types="postern-client/hyperswarm-types" preserve="true" />

/** The package `postern-client/hyperswarm` in Deno: Hyperswarm over relays. */

import type Hyperswarm from "hyperswarm";
import type { RelayDHTOptions } from "./hyperswarm/options.ts";
import { RelayNetwork } from "./hyperswarm/relay-network.ts";
import { createSwarm, type SwarmOptions } from "./hyperswarm/swarm.ts";
import { connect } from "./index.ts";

export type { SignAnnouncement } from "./hyperswarm/announcements.ts";
export type { CreateHandshake, Handshake, HandshakeResult, KeyPair } from "./hyperswarm/handshake.ts";
export type { RelayDHTOptions } from "./hyperswarm/options.ts";
export type { SwarmOptions } from "./hyperswarm/swarm.ts";

/** A network for Hyperswarm that goes over relays: `new Hyperswarm({ keyPair, dht: new RelayDHT({ relays, keyPair }) })`. */
export class RelayDHT extends RelayNetwork {
  /** @throws ConnectError `address-invalid`, `option-invalid`; TopicError `secret-invalid` */
  constructor(options: RelayDHTOptions) {
    super(options, connect);
  }
}

/** A Hyperswarm over relays: `hyperswarm({ relays })`, with the options of both. @throws as RelayDHT */
export function hyperswarm(options: SwarmOptions): Hyperswarm {
  return createSwarm(options, (given) => new RelayDHT(given));
}
