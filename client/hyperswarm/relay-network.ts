import NoiseSecretStream from "@hyperswarm/secret-stream";
import { keyPair } from "hypercore-crypto";
import type HyperDHT from "hyperdht";
import { EventEmitter } from "#events";
import { type Clock, systemClock, type Timer } from "../clock.ts";
import { accept } from "./acceptance.ts";
import { connectError } from "./connect-error.ts";
import { Connections } from "./connections.ts";
import { Crossings } from "./crossings.ts";
import { type DialParts, dial } from "./dial.ts";
import { DirectPath } from "./direct-path.ts";
import type { KeyPair } from "./handshake.ts";
import { MeetingPlaces } from "./meeting-places.ts";
import { endAway } from "./old-connections.ts";
import { type CompleteOptions, type Connect, completeOptions, type RelayDHTOptions } from "./options.ts";
import { patiently } from "./patiently.ts";
import { type Answer, NODES, Query } from "./query.ts";
import type { RawStream } from "./raw-stream.ts";
import type { Rendezvous } from "./rendezvous.ts";
import { sample } from "./sample.ts";
import { RelayServer } from "./server.ts";
import { Upgrades } from "./upgrades.ts";
import { hexOf } from "./visit.ts";

/** A topic that was looked up stays joined so long: Hyperswarm looks again after 10 to 12 minutes. */
const LOOKUP_HOLD_MS = 13 * 60_000;

/** A query waits so long for the relay. It goes on joining, and tells by `network-change` when there are peers. */
const QUERY_PATIENCE_MS = 10_000;
const LISTEN_PATIENCE_MS = 3000;

/** New peers are told together: after the first, and at most, so often. */
const FOUND_DELAY_MS = 20;
const FOUND_INTERVAL_MS = 500;

/**
 * A network for Hyperswarm that goes over relays, in the shape of hyperdht: `new Hyperswarm({ keyPair, dht })`. Peers find each
 * other in sealed topics, and connect by Noise streams between their own keys; a relay sees neither keys nor topics.
 *
 * Events: `network-change` (there may be new peers: Hyperswarm looks again), `network-update` (`online` may have changed),
 * `relay-error` (a PosternError: a relay cannot be reached, or refuses), `path` (a connection, and which way it goes).
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
  /** Those that are not closed, and those of them that listen. */
  readonly #created = new Set<RelayServer>();
  readonly #servers = new Set<RelayServer>();
  readonly #connections = new Map<NoiseSecretStream, string>();
  readonly #crossings = new Crossings();
  readonly #places: MeetingPlaces;
  readonly #direct: DirectPath | undefined;
  readonly #upgrades: Upgrades | undefined;
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
    const { dht, headStartMs } = this.#options;
    const direct = dht && new DirectPath({ clock: this.#clock, dht });
    this.#direct = direct;
    this.#upgrades = direct && this.#newUpgrades(direct);
    dht?.on("network-update", () => void this.emit("network-update"));
    dht?.on("network-change", () => {
      this.#direct?.judgeAgain();
      this.#upgrades?.networkChanged();
      this.emit("network-change");
    });
    this.#places = new MeetingPlaces({
      clock: this.#clock,
      sign: this.#options.signAnnouncement,
      secret: this.#options.secret,
      onStream: (place) => (stream) =>
        accept(stream, {
          clock: this.#clock,
          keepAliveMs: this.#options.keepAliveMs,
          crossings: this.#crossings,
          endAway: (pair) => endAway(this.#isWhole ? this.#connections.keys() : [], pair),
          servers: () => (headStartMs === Number.POSITIVE_INFINITY ? [] : this.#servers),
          onConnection: (connection, raw, own) => this.#keep(connection, raw, { place, own }),
        }),
      onFound: () => this.#tellFound(),
    });
    this.#start();
  }

  /** A new key pair, or the one of a seed of 32 bytes. */
  static keyPair(seed?: Uint8Array): NoiseSecretStream.KeyPair {
    return keyPair(seed);
  }

  /** A relay is connected, or UDP works. */
  get online(): boolean {
    return this.#direct?.works === true || this.#relays.some(({ isConnected }) => isConnected);
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
    const server = new RelayServer(options, onConnection, {
      createHandshake: this.#options.createHandshake,
      defaultKeyPair: this.defaultKeyPair,
      announceKey: (announced, listened) => this.#listen(announced, listened),
      withdrawKey: async (withdrawn, publicKey) => {
        this.#servers.delete(withdrawn);
        this.#places.withdrawKey(publicKey);
        await this.#direct?.close(withdrawn);
      },
      relayAddresses: (listening) => this.#direct?.addressesOf(listening) ?? [],
    });
    this.#created.add(server);
    server.on("close", () => this.#created.delete(server));
    return server;
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
      const relayAddresses = options.relayAddresses ?? [];
      void dial({ connection, own, publicKey, relayAddresses, signal }, this.#dialParts(own));
    }
    return connection;
  }

  /** Who announces a topic. New ones are told by `network-change` for 13 minutes. @param topic 32 bytes */
  lookup(topic: Uint8Array, options: QueryOptions = {}): Query {
    return this.#query(topic, (dht) => dht.lookup(topic, directOptions(options)));
  }

  /** Can be found in a topic under this key from now on, and looks who else can. */
  announce(
    topic: Uint8Array,
    own: KeyPair,
    addresses: readonly HyperDHT.Address[] = [],
    options: QueryOptions = {},
  ): Query {
    const query = this.#query(topic, (dht) => dht.announce(topic, withSecret(own), addresses, directOptions(options)));
    if (!this.destroyed) this.#places.ofTopic(topic).announce(own);
    return query;
  }

  /** Cannot be found any more, but looks on. */
  lookupAndUnannounce(topic: Uint8Array, own: KeyPair, options: QueryOptions = {}): Query {
    const query = this.#query(topic, (dht) => dht.lookupAndUnannounce(topic, withSecret(own), directOptions(options)));
    this.#places.withdraw(topic, own.publicKey);
    return query;
  }

  /** Leaves a topic. Connections stay. */
  async unannounce(topic: Uint8Array, own: KeyPair, options: QueryOptions = {}): Promise<void> {
    this.#places.leaveTopic(checked(topic), own.publicKey);
    await this.#direct?.unannounce(topic, withSecret(own), directOptions(options));
  }

  /** Leaves everything and disconnects, until `resume`. Ends all connections. */
  async suspend(): Promise<void> {
    if (this.#isSuspended || this.destroyed) return;
    this.#isSuspended = true;
    await Promise.all([this.#stop(connectError("SUSPENDED")), this.#direct?.suspend()]);
  }

  /** Connects again. What was announced is announced again. */
  async resume(): Promise<void> {
    if (!this.#isSuspended || this.destroyed) return;
    this.#isSuspended = false;
    this.#waiting = new AbortController();
    this.#start();
    await this.#direct?.resume();
  }

  /** Ends all. @param options `force`: does not wait for the goodbye to the relays, which may take 4 s. */
  async destroy({ force = false }: { readonly force?: boolean | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(force);
    if (!force) await this.#closing;
  }

  async #close(force: boolean): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.close()));
    await Promise.all([this.#stop(connectError("DESTROYED")), this.#direct?.destroy({ force })]);
    this.#places.clear();
  }

  /** All relays are reached: who is away is so itself. */
  get #isWhole(): boolean {
    return this.#relays.every(({ isConnected }) => isConnected);
  }

  #dialParts(own: KeyPair): DialParts {
    const { createHandshake, headStartMs } = this.#options;
    return {
      clock: this.#clock,
      places: this.#places,
      crossings: this.#crossings,
      createHandshake,
      direct: this.#direct,
      headStartMs,
      onPath: (connection, path) => this.#tellPath(connection, path, own),
    };
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
    this.#direct?.listen(server, withSecret(listened), (connection) => {
      this.#track(connection);
      this.#tellPath(connection, "direct", listened);
    });
    const { signal } = this.#waiting;
    await patiently(this.#clock, { patienceMs: LISTEN_PATIENCE_MS, signal }, (limit) =>
      place.until(() => place.isJoined, limit),
    ).catch((error: unknown) => void this.emit("relay-error", error));
  }

  #query(topic: Uint8Array, directly: (dht: HyperDHT) => HyperDHT.NetworkQuery): Query {
    checked(topic);
    if (this.destroyed) return new Query(() => Promise.reject(connectError("DESTROYED")));
    const place = this.#places.ofTopic(topic);
    place.holdFor(LOOKUP_HOLD_MS);
    return new Query((signal) => this.#look(place, signal), this.#direct?.look(directly));
  }

  async #look(place: Rendezvous, signal: AbortSignal): Promise<readonly Answer[]> {
    const until = { patienceMs: QUERY_PATIENCE_MS, signal: AbortSignal.any([signal, this.#waiting.signal]) };
    await patiently(this.#clock, until, (limit) => place.until(() => place.isJoined, limit));
    if (!place.isJoined) throw connectError("UNREACHABLE");
    const own = hexOf(this.defaultKeyPair.publicKey);
    return sample(
      [...place.keys].filter((key) => key !== own),
      new Set(this.#connections.values()),
    );
  }

  #newUpgrades(direct: DirectPath): Upgrades {
    return new Upgrades({
      clock: this.#clock,
      direct,
      keepAliveMs: this.#options.keepAliveMs,
      serverOf: (publicKey) => [...this.#created].find((server) => server.mayUpgrade(publicKey)),
      onUpgraded: (connection, own) => {
        this.#track(connection);
        this.#tellPath(connection, "direct", own);
      },
    });
  }

  #keep(connection: NoiseSecretStream, raw: RawStream, { place, own }: { place: Rendezvous; own: KeyPair }): void {
    // A place is not left while a stream goes through it.
    raw.on("close", place.hold());
    this.#track(connection);
    this.#tellPath(connection, "relay", own);
  }

  #tellPath(connection: NoiseSecretStream, path: "direct" | "relay", own: KeyPair): void {
    Object.assign(connection, { relayPath: path });
    if (path === "direct") this.#direct?.watch(connection);
    this.emit("path", connection, path);
    if (path === "relay" && own.secretKey !== undefined) void this.#upgrades?.watch(connection, withSecret(own));
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

/** As hyperdht's. */
type ConnectionOptions = Omit<HyperDHT.ConnectOptions, "keyPair"> & { readonly keyPair?: KeyPair | undefined };

/** As hyperdht's: what an earlier query has come to. */
type QueryOptions = { readonly closestNodes?: readonly HyperDHT.Address[] | null };

/** The nodes that stand for a relay are none in the DHT. */
function directOptions(options: QueryOptions): object {
  return options.closestNodes === NODES ? { ...options, closestNodes: null, onlyClosestNodes: false } : options;
}

/** @throws TypeError where it has none */
function withSecret({ publicKey, secretKey }: KeyPair): NoiseSecretStream.KeyPair {
  if (secretKey === undefined) throw new TypeError("a HyperDHT needs the secret key");
  return { publicKey, secretKey };
}

/** @throws TypeError where it is not 32 bytes */
function checked(bytes: Uint8Array): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === 32) return bytes;
  throw new TypeError("keys and topics are 32 bytes");
}
