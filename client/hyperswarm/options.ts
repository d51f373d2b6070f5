import type NoiseSecretStream from "@hyperswarm/secret-stream";
import { keyPair as newKeyPair } from "hypercore-crypto";
import type HyperDHT from "hyperdht";
import { ConnectError } from "../errors.ts";
import type { ConnectOptions, Relay } from "../relay.ts";
import { type Secret, secretBytes } from "../sealing/secret.ts";
import { type SignAnnouncement, signWithSecretKey } from "./announcements.ts";
import { type CreateHandshake, createNoiseHandshake, type KeyPair } from "./handshake.ts";

/** Connects to a relay: `connect` of the package for this runtime. */
export type Connect = (address: string, options?: ConnectOptions) => Relay;

/** How a RelayDHT is made; with it come the options of `connect`, for all its relays. */
export type RelayDHTOptions = ConnectOptions & {
  /** One to three addresses, `wss://` or `ws://`. Peers meet where they have one in common. */
  readonly relays: string | readonly string[];
  /** Who this is: the same key pair as the swarm has. Made anew unless it is set. */
  readonly keyPair?: KeyPair | undefined;
  /** 32 bytes to make the key pair of. */
  readonly seed?: Uint8Array | undefined;
  /**
   * Hides who looks for whom: only members that have it too find each other. Without it, who knows a swarm topic can look who is in
   * it, as in the DHT.
   */
  readonly secret?: Secret | undefined;
  /** Each connection shows so often that it is alive; 5,000 unless it is set, as in hyperdht. */
  readonly connectionKeepAlive?: number | undefined;
  /**
   * A HyperDHT, for peers that are in the DHT alone, and for direct connections where UDP works. It ends with this.
   * Its key pairs need their secret keys.
   */
  readonly dht?: HyperDHT | undefined;
  /**
   * With `dht`. `auto`, unless it is set: direct where it works, else by the relay. `only`: the relay helps to find peers, and carries
   * nothing. `never`: as without `dht`.
   */
  readonly direct?: "auto" | "only" | "never" | undefined;
  /** How long the direct way is tried alone; 1,000 unless it is set. */
  readonly directHeadStartMs?: number | undefined;
  /** Makes handshakes in place of the key pair's secret key. */
  readonly createHandshake?: CreateHandshake | undefined;
  /** Signs in place of the key pair's secret key. */
  readonly signAnnouncement?: SignAnnouncement | undefined;
};

const MAX_RELAYS = 3;
const KEEP_ALIVE_MS = 5000;
const HEAD_START_MS = 1000;

/** The options with what they leave out. */
export type CompleteOptions = {
  readonly relays: readonly string[];
  readonly keyPair: KeyPair;
  readonly secret: Secret | undefined;
  readonly keepAliveMs: number;
  readonly createHandshake: CreateHandshake;
  readonly signAnnouncement: SignAnnouncement;
  readonly dht: HyperDHT | undefined;
  /** Infinite: the relay carries nothing. */
  readonly headStartMs: number;
  readonly connectOptions: ConnectOptions;
};

/** @throws ConnectError `option-invalid`, TopicError `secret-invalid` */
export function completeOptions(options: RelayDHTOptions): CompleteOptions {
  const { relays, keyPair, seed, secret, connectionKeepAlive = KEEP_ALIVE_MS, ...rest } = options;
  const { createHandshake = createNoiseHandshake, signAnnouncement = signWithSecretKey, ...others } = rest;
  const { dht, direct = "auto", directHeadStartMs = HEAD_START_MS, ...connectOptions } = others;
  const addresses = typeof relays === "string" ? [relays] : [...new Set(relays)];
  if (addresses.length < 1 || addresses.length > MAX_RELAYS) throw invalid(`relays: 1 to ${MAX_RELAYS} addresses`);
  if (keyPair !== undefined && keyPair.publicKey.length !== 32) throw invalid("keyPair: a public key has 32 bytes");
  if (!(connectionKeepAlive >= 0)) throw invalid("connectionKeepAlive: milliseconds, or 0");
  if (!(directHeadStartMs >= 0)) throw invalid("directHeadStartMs: milliseconds");
  if (!["auto", "only", "never"].includes(direct)) throw invalid("direct: auto, only or never");
  if (dht === undefined && direct === "only") throw invalid("direct: only with dht");
  if (secret !== undefined) secretBytes(secret);
  return {
    relays: addresses,
    keyPair: keyPair ?? newKeyPair(seed),
    secret,
    keepAliveMs: connectionKeepAlive,
    createHandshake,
    signAnnouncement,
    dht: direct === "never" ? undefined : dht,
    headStartMs: direct === "only" ? Number.POSITIVE_INFINITY : directHeadStartMs,
    connectOptions,
  };
}

/** The key pair of a swarm: the given one, the one of a seed, or a new one. */
export function swarmKeyPair(
  keyPair: NoiseSecretStream.KeyPair | undefined,
  seed: Uint8Array | undefined,
): NoiseSecretStream.KeyPair {
  return keyPair ?? newKeyPair(seed);
}

function invalid(cause: string): ConnectError {
  return new ConnectError("option-invalid", { cause });
}
