import type NoiseSecretStream from "@hyperswarm/secret-stream";
import type HyperDHT from "hyperdht";
import { Buffer } from "#buffer";
import { EventEmitter } from "#events";
import { compareKeys } from "./crossings.ts";
import type { CreateHandshake, Handshake, KeyPair } from "./handshake.ts";

/** What a server needs of its RelayDHT. */
export type ServerParts = {
  readonly createHandshake: CreateHandshake;
  readonly defaultKeyPair: KeyPair;
  /** Makes the key reachable, and resolves when it is, or after a while. */
  readonly announceKey: (server: RelayServer, keyPair: KeyPair) => Promise<void>;
  readonly withdrawKey: (server: RelayServer, publicKey: Uint8Array) => Promise<void>;
  /** By which nodes of the DHT it is reached: none without one. */
  readonly relayAddresses: (server: RelayServer) => readonly HyperDHT.Address[];
};

/** Listens under one key, in the shape of hyperdht's servers. Events: `listening`, `connection`, `close`. */
export class RelayServer extends EventEmitter {
  readonly #parts: ServerParts;
  readonly #firewall: NonNullable<HyperDHT.ServerOptions["firewall"]>;
  #keyPair: KeyPair | undefined;
  #listening: Promise<void> | undefined;
  readonly #isSwarms: boolean;
  #isSuspended = false;
  #isClosed = false;

  constructor(
    options: HyperDHT.ServerOptions,
    onConnection: ((connection: NoiseSecretStream) => void) | undefined,
    parts: ServerParts,
  ) {
    super();
    this.#parts = parts;
    this.#firewall = options.firewall ?? (() => false);
    // Only a swarm passes it.
    this.#isSwarms = "relayThrough" in options;
    if (onConnection !== undefined) this.on("connection", onConnection);
  }

  get listening(): boolean {
    return this.#listening !== undefined;
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  get relayAddresses(): readonly HyperDHT.Address[] {
    return this.#parts.relayAddresses(this);
  }

  get keyPair(): KeyPair | undefined {
    return this.#keyPair;
  }

  get publicKey(): Uint8Array | null {
    return this.#keyPair?.publicKey ?? null;
  }

  /** Listens, and is not suspended. */
  get isAccepting(): boolean {
    return this.#keyPair !== undefined && !this.#isSuspended && !this.#isClosed;
  }

  /**
   * Whether it is a swarm's of this key, and takes a better connection in place of one that the swarm has. A swarm that only looks
   * for others has a server too, which never listens.
   */
  mayUpgrade(publicKey: Uint8Array): boolean {
    const { publicKey: own } = this.#keyPair ?? this.#parts.defaultKeyPair;
    return this.#isSwarms && !this.#isSuspended && !this.#isClosed && compareKeys(own, publicKey) === 0;
  }

  address(): { publicKey: Uint8Array; host: null; port: number } | null {
    return this.#keyPair === undefined ? null : { publicKey: this.#keyPair.publicKey, host: null, port: 0 };
  }

  /**
   * Resolves when who knows the key can connect; after 3 s also where no relay was reached: it goes on by itself.
   * @throws Error where it listens already, or is closed
   */
  listen(keyPair: KeyPair = this.#parts.defaultKeyPair): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error("the server is closed"));
    if (this.#listening !== undefined)
      return Promise.reject(new Error("ALREADY_LISTENING: the server listens already"));
    this.#keyPair = keyPair;
    this.#listening = this.#parts.announceKey(this, keyPair).then(() => void this.emit("listening"));
    return this.#listening;
  }

  /** Connections stay. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#keyPair !== undefined) await this.#parts.withdrawKey(this, this.#keyPair.publicKey);
    this.emit("close");
  }

  suspend(): Promise<void> {
    this.#isSuspended = true;
    return Promise.resolve();
  }

  resume(): Promise<void> {
    this.#isSuspended = false;
    return Promise.resolve();
  }

  /** Begins a handshake under the key that is listened for; undefined: none is. */
  createHandshake(): Handshake | undefined {
    return this.#keyPair === undefined ? undefined : this.#parts.createHandshake(this.#keyPair, null);
  }

  /** Whether the app's firewall turns this key away. A firewall that throws does. */
  async refuses(remotePublicKey: Uint8Array): Promise<boolean> {
    try {
      return await this.#firewall(Buffer.from(remotePublicKey), null, null);
    } catch {
      return true;
    }
  }
}
