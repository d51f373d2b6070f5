import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import NoiseSecretStream from "@hyperswarm/secret-stream";
import { keyPair } from "hypercore-crypto";
import type HyperDHT from "hyperdht";
import { type Clock, systemClock, type Timer } from "../clock.ts";
import { accept } from "./acceptance.ts";
import { connectError } from "./connect-error.ts";
import { Connections } from "./connections.ts";
import { Crossings } from "./crossings.ts";
import { type DialParts, dial } from "./dial.ts";
import type { KeyPair } from "./handshake.ts";
import { MeetingPlaces } from "./meeting-places.ts";
import { type CompleteOptions, type Connect, completeOptions, type RelayDHTOptions } from "./options.ts";
import { patiently } from "./patiently.ts";
import { type Answer, Query } from "./query.ts";
import type { RawStream } from "./raw-stream.ts";
import type { Rendezvous } from "./rendezvous.ts";
import { RelayServer } from "./server.ts";
import { hexOf } from "./visit.ts";

/** As many peers as a node of the DHT gives at once, and as many answers: together more than the 64 peers of a swarm. */
const MAX_PEERS_OF_ANSWER = 20;
const MAX_ANSWERS = 4;

/** A topic that was looked up stays joined so long: Hyperswarm looks again after 10 to 12 minutes. */
const LOOKUP_HOLD_MS = 13 * 60_000;

/** A query waits so long for the relay. It goes on joining, and tells by `network-change` when there are peers. */
const QUERY_PATIENCE_MS = 10_000;
const LISTEN_PATIENCE_MS = 5000;

/** New peers are told together: after the first, and at most, so often. */
const FOUND_DELAY_MS = 20;
const FOUND_INTERVAL_MS = 500;

/**
 * A network for Hyperswarm that goes over relays, in the shape of hyperdht: `new Hyperswarm({ keyPair, dht })`. Peers find each
 * other in sealed topics, and connect by Noise streams between their own keys; a relay sees neither keys nor topics.
 *
 * Events: `network-change` (there may be new peers: Hyperswarm looks again), `network-update` (`online` may have changed),
 * `relay-error` (a PosternError: a relay cannot be reached, or refuses).
 */
export class RelayNetwork extends EventEmitter {
  /** Nothing is to be punched. */
  readonly randomized = false;
  readonly firewalled = false;
  readonly bootstrapped = true;
  readonly defaultKeyPair: KeyPair;
  readonly #connect: Connect;
  readonly #clock: Clock = systemClock;
  readonly #options: CompleteOptions;
  readonly #servers = new Set<RelayServer>();
  readonly #connections = new Map<NoiseSecretStream, string>();
  readonly #crossings = new Crossings();
  readonly #places: MeetingPlaces;
  #relays: readonly Connections[] = [];
  #waiting = new AbortController();
  #found: Timer | undefined;
  #foundMs = Number.NEGATIVE_INFINITY;
  #isSuspended = false;
  #closing: Promise<void> | undefined;

  /** @throws ConnectError `address-invalid`, `option-invalid`; TopicError `secret-invalid` */
  constructor(options: RelayDHTOptions, connect: Connect) {
    super();
    this.#connect = connect;
    this.#options = completeOptions(options);
    this.defaultKeyPair = this.#options.keyPair;
    this.#places = new MeetingPlaces({
      clock: this.#clock,
      sign: this.#options.signAnnouncement,
      secret: this.#options.secret,
      onStream: (place) => (stream) =>
        accept(stream, {
          clock: this.#clock,
          keepAliveMs: this.#options.keepAliveMs,
          crossings: this.#crossings,
          servers: () => this.#servers,
          onConnection: (connection, raw) => this.#keep(connection, raw, place),
        }),
      onFound: () => this.#tellFound(),
    });
    this.#start();
  }

  /** A new key pair, or the one of a seed of 32 bytes. */
  static keyPair(seed?: Uint8Array): NoiseSecretStream.KeyPair {
    return keyPair(seed);
  }

  /** A relay is connected. */
  get online(): boolean {
    return this.#relays.some(({ isConnected }) => isConnected);
  }

  get suspended(): boolean {
    return this.#isSuspended;
  }

  get destroyed(): boolean {
    return this.#closing !== undefined;
  }

  /** Nothing is waited for before it is used. */
  ready(): Promise<void> {
    return Promise.resolve();
  }

  /** The same. */
  fullyBootstrapped(): Promise<void> {
    return Promise.resolve();
  }

  /** A server that does not listen yet. */
  createServer(
    options: HyperDHT.ServerOptions | ((connection: NoiseSecretStream) => void) = {},
    onConnection?: (connection: NoiseSecretStream) => void,
  ): RelayServer {
    if (typeof options === "function") return this.createServer({}, options);
    return new RelayServer(options, onConnection, {
      createHandshake: this.#options.createHandshake,
      defaultKeyPair: this.defaultKeyPair,
      announceKey: (server, listened) => this.#listen(server, listened),
      withdrawKey: (server, publicKey) => {
        this.#servers.delete(server);
        this.#places.withdrawKey(publicKey);
      },
    });
  }

  /**
   * Connects to who listens under a key. What fails is the `error` of the stream: `PEER_NOT_FOUND`, `PEER_CONNECTION_FAILED`.
   * @param publicKey 32 bytes
   */
  connect(publicKey: Uint8Array, options: ConnectionOptions = {}): NoiseSecretStream {
    const own = options.keyPair ?? this.defaultKeyPair;
    const connection = new NoiseSecretStream(true, null, {
      publicKey: own.publicKey,
      remotePublicKey: checked(publicKey),
      autoStart: false,
      keepAlive: this.#options.keepAliveMs,
    });
    if (this.#isSuspended || this.destroyed) {
      connection.destroy(connectError(this.destroyed ? "DESTROYED" : "SUSPENDED"));
    } else {
      this.#track(connection);
      // Only a swarm passes it. For a swarm one connection to a key is enough; who dials on their own may have two.
      if ("relayThrough" in options) this.#crossings.add({ own: own.publicKey, remote: publicKey }, connection);
      const ended = new AbortController();
      connection.on("close", () => ended.abort());
      const signal = AbortSignal.any([ended.signal, this.#waiting.signal]);
      void dial({ connection, own, publicKey, signal }, this.#dialParts);
    }
    return connection;
  }

  /** Who announces a topic. New ones are told by `network-change` for 13 minutes. @param topic 32 bytes */
  lookup(topic: Uint8Array): Query {
    const place = this.#places.ofTopic(checked(topic));
    place.holdFor(LOOKUP_HOLD_MS);
    return new Query((signal) => this.#look(place, signal));
  }

  /** Can be found in a topic under this key from now on, and looks who else can. */
  announce(topic: Uint8Array, own: KeyPair): Query {
    this.#places.ofTopic(checked(topic)).announce(own);
    return this.lookup(topic);
  }

  /** Cannot be found any more, but looks on. */
  lookupAndUnannounce(topic: Uint8Array, own: KeyPair): Query {
    const query = this.lookup(topic);
    this.#places.ofTopic(topic).withdraw(own.publicKey);
    return query;
  }

  /** Leaves a topic. Connections stay. */
  unannounce(topic: Uint8Array, own: KeyPair): Promise<void> {
    this.#places.leaveTopic(checked(topic), own.publicKey);
    return Promise.resolve();
  }

  /** Leaves everything and disconnects, until `resume`. Ends all connections. */
  async suspend(): Promise<void> {
    if (this.#isSuspended || this.destroyed) return;
    this.#isSuspended = true;
    await this.#stop(connectError("SUSPENDED"));
  }

  /** Connects again. What was announced is announced again. */
  resume(): Promise<void> {
    if (this.#isSuspended && !this.destroyed) {
      this.#isSuspended = false;
      this.#waiting = new AbortController();
      this.#start();
    }
    return Promise.resolve();
  }

  /** Ends all. @param options `force`: does not wait for the goodbye to the relays, which may take 4 s. */
  async destroy({ force = false }: { readonly force?: boolean | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close();
    if (!force) await this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.close()));
    await this.#stop(connectError("DESTROYED"));
    this.#places.clear();
  }

  get #dialParts(): DialParts {
    const { createHandshake } = this.#options;
    return { clock: this.#clock, places: this.#places, crossings: this.#crossings, createHandshake };
  }

  #start(): void {
    this.#relays = this.#options.relays.map(
      (address) =>
        new Connections(
          () => this.#open(address),
          () => void this.emit("network-update"),
        ),
    );
    this.#places.visit(this.#relays);
  }

  #open(address: string): ReturnType<Connect> {
    const relay = this.#connect(address, this.#options.connectOptions);
    relay.on("error", (error) => void this.emit("relay-error", error));
    return relay;
  }

  async #stop(reason: Error): Promise<void> {
    const relays = this.#relays;
    this.#found?.cancel();
    this.#found = undefined;
    this.#waiting.abort(reason);
    for (const connection of this.#connections.keys()) connection.destroy();
    this.#places.visit([]);
    this.#relays = [];
    await Promise.all(relays.map((connections) => connections.close()));
  }

  async #listen(server: RelayServer, listened: KeyPair): Promise<void> {
    this.#servers.add(server);
    const place = this.#places.ofKey(listened.publicKey);
    place.announce(listened);
    const { signal } = this.#waiting;
    await patiently(this.#clock, { patienceMs: LISTEN_PATIENCE_MS, signal }, (limit) =>
      place.until(() => place.isJoined, limit),
    ).catch((error: unknown) => void this.emit("relay-error", error));
  }

  async #look(place: Rendezvous, signal: AbortSignal): Promise<readonly Answer[]> {
    const until = { patienceMs: QUERY_PATIENCE_MS, signal: AbortSignal.any([signal, this.#waiting.signal]) };
    await patiently(this.#clock, until, (limit) => place.until(() => place.isJoined, limit));
    if (!place.isJoined) throw connectError("UNREACHABLE");
    return this.#sample(place.keys);
  }

  /** Those first to whom there is no connection. */
  #sample(keys: ReadonlySet<string>): readonly Answer[] {
    const connected = new Set(this.#connections.values());
    const own = hexOf(this.defaultKeyPair.publicKey);
    const shuffled = [...keys].filter((key) => key !== own).toSorted(() => Math.random() - 0.5);
    const peers = shuffled
      .toSorted((one, other) => Number(connected.has(one)) - Number(connected.has(other)))
      .map((key) => ({ publicKey: Buffer.from(key, "hex"), relayAddresses: [] }));
    return Array.from({ length: MAX_ANSWERS }, (_, index) => ({
      peers: peers.slice(index * MAX_PEERS_OF_ANSWER, (index + 1) * MAX_PEERS_OF_ANSWER),
    })).filter((answer) => answer.peers.length > 0);
  }

  #keep(connection: NoiseSecretStream, raw: RawStream, place: Rendezvous): void {
    this.#hold(raw, place);
    this.#track(connection);
  }

  /** A place is not left while a stream goes through it. */
  #hold(raw: RawStream, place: Rendezvous): void {
    raw.on("close", place.hold());
  }

  #track(connection: NoiseSecretStream): void {
    this.#connections.set(connection, hexOf(connection.remotePublicKey));
    connection.on("close", () => this.#connections.delete(connection));
  }

  #tellFound(): void {
    const now = this.#clock.monotonicMs();
    this.#found ??= this.#clock.after(Math.max(FOUND_DELAY_MS, this.#foundMs + FOUND_INTERVAL_MS - now), () => {
      this.#found = undefined;
      this.#foundMs = this.#clock.monotonicMs();
      this.emit("network-change");
    });
  }
}

/** As hyperdht's; `relayThrough` and `relayAddresses` are of no use here. */
type ConnectionOptions = { readonly keyPair?: KeyPair | undefined; readonly relayThrough?: unknown };

/** @throws TypeError where it is not 32 bytes */
function checked(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === 32) return bytes;
  throw new TypeError("keys and topics are 32 bytes");
}
