/**
 * Types for the parts of hyperswarm, hyperdht and @hyperswarm/secret-stream that apps and this package use: those packages have
 * none of their own. `/// <reference types="postern-client/hyperswarm-types" />` brings them into an app that wants them.
 */

declare module "@hyperswarm/secret-stream" {
  import type { Buffer } from "node:buffer";
  import type { Duplex, DuplexEvents } from "streamx";

  /** An encrypted stream to the holder of one key (Noise, then XChaCha20-Poly1305). */
  class NoiseSecretStream extends Duplex<NoiseSecretStream.Events> {
    /** @param rawStream null with `autoStart: false`: `start` gives it later. */
    constructor(isInitiator: boolean, rawStream: Duplex | null, options?: NoiseSecretStream.Options);
    static keyPair(seed?: Uint8Array): NoiseSecretStream.KeyPair;
    readonly noiseStream: NoiseSecretStream;
    readonly isInitiator: boolean;
    readonly publicKey: Buffer;
    /** Known at once where this side dials; on the other side when it is open. */
    readonly remotePublicKey: Buffer;
    /** 64 bytes, the same on both sides and on no other connection; null before it is open. */
    readonly handshakeHash: Buffer | null;
    readonly rawStream: Duplex | null;
    readonly connected: boolean;
    /** True when it is open; false when it never was. */
    readonly opened: Promise<boolean>;
    readonly rawBytesRead: number;
    readonly rawBytesWritten: number;
    readonly keepAlive: number;
    readonly timeout: number;
    readonly userData: unknown;
    /** Which way it goes; set by postern-client. */
    readonly relayPath?: "relay" | "direct";
    start(
      rawStream: Duplex,
      options?: { readonly handshake?: NoiseSecretStream.Handshake; readonly data?: Uint8Array },
    ): void;
    setKeepAlive(ms: number): void;
    setTimeout(ms: number): void;
    sendKeepAlive(): void;
    flush(): Promise<boolean>;
  }

  namespace NoiseSecretStream {
    interface Events extends DuplexEvents {
      connect: [];
      handshake: [];
      open: [];
      message: [data: Buffer];
      path: [path: "relay" | "direct"];
    }

    /** An Ed25519 key pair: 32 and 64 bytes. */
    interface KeyPair {
      readonly publicKey: Uint8Array;
      readonly secretKey: Uint8Array;
    }

    /** What a handshake has made. */
    interface Handshake {
      readonly publicKey: Uint8Array;
      readonly remotePublicKey: Uint8Array;
      readonly hash: Uint8Array;
      readonly tx: Uint8Array;
      readonly rx: Uint8Array;
    }

    interface Options {
      readonly autoStart?: boolean;
      readonly publicKey?: Uint8Array;
      readonly remotePublicKey?: Uint8Array;
      readonly keyPair?: KeyPair;
      readonly keepAlive?: number;
      readonly pattern?: "XX" | "IK";
      readonly handshake?: Handshake;
    }
  }

  export default NoiseSecretStream;
}

declare module "hyperdht" {
  import type { Buffer } from "node:buffer";
  import type { EventEmitter } from "node:events";
  import type NoiseSecretStream from "@hyperswarm/secret-stream";

  class HyperDHT extends EventEmitter {
    constructor(options?: HyperDHT.Options);
    static keyPair(seed?: Uint8Array): NoiseSecretStream.KeyPair;
    readonly defaultKeyPair: NoiseSecretStream.KeyPair;
    readonly online: boolean;
    readonly randomized: boolean;
    readonly destroyed: boolean;
    readonly suspended: boolean;
    readonly stats: {
      readonly requests: { readonly active: number; readonly total: number; readonly responses: number };
    };
    connect(publicKey: Uint8Array, options?: HyperDHT.ConnectOptions): NoiseSecretStream;
    createServer(
      options?: HyperDHT.ServerOptions,
      onConnection?: (connection: NoiseSecretStream) => void,
    ): HyperDHT.Server;
    lookup(topic: Uint8Array, options?: object): HyperDHT.NetworkQuery;
    announce(
      topic: Uint8Array,
      keyPair: NoiseSecretStream.KeyPair,
      relayAddresses?: readonly HyperDHT.Address[],
      options?: object,
    ): HyperDHT.NetworkQuery;
    lookupAndUnannounce(topic: Uint8Array, keyPair: NoiseSecretStream.KeyPair, options?: object): HyperDHT.NetworkQuery;
    unannounce(topic: Uint8Array, keyPair: NoiseSecretStream.KeyPair, options?: object): Promise<void>;
    ready(): Promise<void>;
    fullyBootstrapped(): Promise<void>;
    suspend(options?: object): Promise<void>;
    resume(options?: object): Promise<void>;
    destroy(options?: { readonly force?: boolean }): Promise<void>;
    address(): HyperDHT.Address;
  }

  namespace HyperDHT {
    interface Address {
      readonly host: string;
      readonly port: number;
    }

    interface Options {
      readonly keyPair?: NoiseSecretStream.KeyPair;
      readonly seed?: Uint8Array;
      readonly bootstrap?: readonly (Address | string)[];
      readonly port?: number;
      readonly host?: string;
      readonly firewalled?: boolean;
      readonly ephemeral?: boolean;
      readonly connectionKeepAlive?: number | false;
    }

    interface ConnectOptions {
      readonly keyPair?: NoiseSecretStream.KeyPair;
      readonly relayAddresses?: readonly Address[] | null;
      readonly relayThrough?: unknown;
      readonly createSecretStream?: () => object;
    }

    interface ServerOptions {
      /** True refuses. */
      readonly firewall?: (remotePublicKey: Buffer, payload: unknown, address: unknown) => boolean | Promise<boolean>;
      readonly relayThrough?: unknown;
      readonly handshakeClearWait?: number | undefined;
    }

    interface Server extends EventEmitter {
      readonly listening: boolean;
      readonly closed: boolean;
      readonly publicKey: Uint8Array | null;
      readonly relayAddresses: readonly Address[];
      listen(keyPair?: NoiseSecretStream.KeyPair): Promise<void>;
      close(): Promise<void>;
      suspend(options?: object): Promise<void>;
      resume(): Promise<void>;
    }

    interface Peer {
      readonly publicKey: Buffer;
      readonly relayAddresses: readonly Address[];
    }

    /** Runs at once; give up with `destroy`. */
    interface Query extends AsyncIterable<{ readonly peers: readonly Peer[] }> {
      readonly closestNodes: readonly Address[];
      finished(): Promise<void>;
      destroy(): void;
    }

    /** One that runs in the DHT. */
    interface NetworkQuery extends Query {
      on(event: "close" | "error", listener: () => void): unknown;
    }
  }

  export default HyperDHT;
}

declare module "hyperdht/testnet.js" {
  import type HyperDHT from "hyperdht";

  function createTestnet(
    size?: number,
    options?: object,
  ): Promise<{
    readonly nodes: HyperDHT[];
    readonly bootstrap: HyperDHT.Address[];
    createNode(options?: HyperDHT.Options): HyperDHT;
    destroy(): Promise<void>;
  }>;
  export default createTestnet;
}

declare module "hyperswarm" {
  import type { Buffer } from "node:buffer";
  import type { EventEmitter } from "node:events";
  import type NoiseSecretStream from "@hyperswarm/secret-stream";
  import type HyperDHT from "hyperdht";

  class Hyperswarm extends EventEmitter<Hyperswarm.Events> {
    constructor(options?: Hyperswarm.Options);
    readonly keyPair: NoiseSecretStream.KeyPair;
    readonly dht: HyperDHT;
    readonly server: HyperDHT.Server;
    readonly connections: Set<NoiseSecretStream>;
    readonly peers: Map<string, Hyperswarm.PeerInfo>;
    readonly connecting: number;
    readonly destroyed: boolean;
    readonly suspended: boolean;
    readonly maxPeers: number;
    join(topic: Uint8Array, options?: Hyperswarm.JoinOptions): Hyperswarm.PeerDiscoverySession;
    /** Connections stay. */
    leave(topic: Uint8Array): Promise<void>;
    joinPeer(publicKey: Uint8Array): void;
    /** Connections stay. */
    leavePeer(publicKey: Uint8Array): void;
    status(topic: Uint8Array): object | null;
    listen(): Promise<void>;
    flush(): Promise<boolean>;
    clear(): Promise<unknown>;
    suspend(options?: object): Promise<void>;
    resume(options?: object): Promise<void>;
    destroy(options?: { readonly force?: boolean }): Promise<void>;
  }

  namespace Hyperswarm {
    interface Events {
      connection: [connection: NoiseSecretStream, peerInfo: PeerInfo];
      update: [];
      ban: [peerInfo: PeerInfo, error: Error];
    }

    interface Options {
      readonly keyPair?: NoiseSecretStream.KeyPair;
      readonly seed?: Uint8Array;
      readonly dht?: object;
      readonly bootstrap?: readonly (HyperDHT.Address | string)[];
      readonly maxPeers?: number;
      readonly maxClientConnections?: number;
      readonly maxServerConnections?: number;
      readonly maxParallel?: number;
      /** True refuses, for the life of the process. */
      readonly firewall?: (remotePublicKey: Buffer, payload: unknown) => boolean;
      readonly relayThrough?: unknown;
      readonly backoffs?: readonly number[];
      readonly jitter?: number;
    }

    interface JoinOptions {
      readonly server?: boolean;
      readonly client?: boolean;
      readonly limit?: number;
    }

    interface PeerInfo {
      readonly publicKey: Buffer;
      /** Those in which it was looked up; a peer that has dialled this one has none. */
      readonly topics: readonly Buffer[];
      readonly banned: boolean;
      readonly client: boolean;
      readonly server: boolean;
      ban(isBanned: boolean): void;
      reconnect(mayReconnect: boolean): void;
    }

    interface PeerDiscoverySession {
      readonly topic: Buffer;
      readonly isClient: boolean;
      readonly isServer: boolean;
      flushed(): Promise<boolean>;
      refresh(options?: JoinOptions): Promise<boolean>;
      destroy(): Promise<void>;
    }
  }

  export default Hyperswarm;
}

declare module "hypercore-crypto" {
  import type { Buffer } from "node:buffer";

  export function keyPair(seed?: Uint8Array): { readonly publicKey: Buffer; readonly secretKey: Buffer };
  export function sign(message: Uint8Array, secretKey: Uint8Array): Buffer;
  export function verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean;
  /** BLAKE2b of 32 bytes. */
  export function hash(data: Uint8Array | readonly Uint8Array[]): Buffer;
}

declare module "noise-curve-ed" {
  const curve: object;
  export default curve;
}

declare module "noise-handshake" {
  class Noise {
    constructor(pattern: "IK", isInitiator: boolean, keyPair: object, options: { readonly curve: object });
    readonly complete: boolean;
    readonly rs: Uint8Array;
    readonly hash: Uint8Array;
    readonly tx: Uint8Array;
    readonly rx: Uint8Array;
    initialise(prologue: Uint8Array, remotePublicKey: Uint8Array | null): void;
    send(payload?: Uint8Array): Uint8Array;
    /** Throws for what is not the next message. */
    recv(message: Uint8Array): Uint8Array;
  }
  export default Noise;
}
