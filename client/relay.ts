import type { PosternError } from "./errors.ts";
import type { Transport } from "./line/transport.ts";
import type { SealedTopicName } from "./sealing/derivation.ts";
import type { Identity } from "./session-identity.ts";
import type { Data, Topic } from "./topic.ts";

/**
 * - `connecting`: the first dial, and those after it until one succeeds;
 * - `connected`;
 * - `reconnecting`: the connection has ended, and it dials again by itself;
 * - `closed`: for good, by `close` or by a refusal that only a person can change.
 */
export type RelayState = "connecting" | "connected" | "reconnecting" | "closed";

/** What is known of a relay. */
export type RelayInfo = {
  /** The address as it was passed, without user, password and query. */
  readonly address: string;
  /** The last measured time from a ping to its pong; undefined before there is one. */
  readonly roundTripMs: number | undefined;
  /** The largest payload that reaches every member; undefined before the first topic was joined. */
  readonly maxPayloadBytes: number | undefined;
  /** What the relay can, in its own words; empty for one that is older than that. */
  readonly features: readonly string[];
  /** By what it is reached now; undefined while it is not. */
  readonly transport: Transport | undefined;
} & Partial<Way>;

/** How the last connection got to the relay: on Node, and undefined before there was one. On Bun `proxy` alone. */
export type Way = {
  /** The proxy that is configured for this relay; undefined where there is none. */
  readonly proxy: ProxyInfo | undefined;
  /** Undefined for `ws://`, and on Bun. */
  readonly tls: TlsInfo | undefined;
};

/** A proxy, and who has named it. */
export type ProxyInfo = {
  /** Without user and password. */
  readonly url: string;
  /** `option`, the name of the variable, `system`; behind it ` (PAC)` where a script has chosen. */
  readonly source: string;
  /** The entry of NO_PROXY, or of the system's exceptions, by which the relay is dialled without this proxy. */
  readonly noProxyEntry?: string | undefined;
};

/** What a TLS connection shows. */
export type TlsInfo = {
  /** Who has signed the certificate: behind a proxy that intercepts TLS, its owner. */
  readonly issuer: string | undefined;
  /** SHA-256 of the certificate, `AA:BB:...`. */
  readonly fingerprint256: string;
  /**
   * Whether somebody intercepts TLS on the way. `yes`: the relay names another certificate than this one, or a product that does so has
   * issued it. `no`: proved, by `provedBy`. `unknown`: nothing says either; before the first topic is joined too.
   */
  readonly intercepted: "yes" | "no" | "unknown";
  /** Whose product it is, by the issuer's name. */
  readonly vendor: string | undefined;
  /**
   * By what it is known that nobody does: the pinned certificate; or the relay's own key, which is known by the option `relayKey`, from an
   * earlier visit, or from the DNS.
   */
  readonly provedBy: "fingerprint" | "relay-key" | "earlier-visit" | "dns" | undefined;
  /**
   * TLS was silent at first, and a hello that fits one packet got through. It has no post-quantum key exchange; whoever is on the
   * way can force this.
   */
  readonly isSmallHello: boolean;
};

/** One of several relays: what is known of it, and how it is. */
export type RelayStatus = RelayInfo & {
  readonly state: RelayState;
  /** Why it was not reached; undefined where it is, or nothing has failed yet. */
  readonly error: PosternError | undefined;
};

/**
 * Gives the addresses of relays, in the order in which they are to be used. Asked at first, until it resolves; then every hour, and
 * every minute while none of them is reached. It may `warn` of something: that is an event `error` of the relay.
 */
export type RelayList = (tell: { readonly warn: (warning: PosternError) => void }) => Promise<readonly string[]>;

/** What a relay tells, and what listeners get. */
export type RelayEvents = {
  /** One of `relays` has changed its state, was added, or is left. */
  readonly relays: readonly RelayStatus[];
  readonly state: RelayState;
  /** An attempt to connect has failed; the next one follows unless the state is `closed`. */
  readonly error: PosternError;
};

/** How a topic is joined. */
export type JoinOptions = {
  /**
   * For topics that clients without this SDK share: what they send and read is what the app sees. Nothing is numbered, so
   * what a cut loses is lost without a word, and `flush` and `request` do not work.
   */
  readonly plain?: boolean | undefined;
  /** A topic with a bare name is meant to be public: nothing is said about it. */
  readonly public?: boolean | undefined;
  /** What the others see of this member from the beginning: as `topic.setPresence`. */
  readonly presence?: Data | undefined;
  /** Whom this member proves to be, and whom it wants to see: `identityOf` of `postern-client/identity`. In sealed topics alone. */
  readonly identity?: Identity | undefined;
  /** The name that the others see; in plain mode only. Left out: the relay makes one. */
  readonly peerId?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long `join` waits for the relay at first; 30,000 unless it is set. Afterwards the topic waits for ever. */
  readonly timeoutMs?: number | undefined;
};

/** A relay; or several at once, which are used as if they were one: `connected` as long as one of them is. */
export interface Relay extends AsyncDisposable {
  readonly state: RelayState;
  /** Of several, about the one that is connected and has the shortest round trip. */
  readonly info: RelayInfo;
  /** Each of them, in the order of the list: those in use, and those that would be if they were reached. */
  readonly relays: readonly RelayStatus[];
  /**
   * Joins a topic. May be called at once: it waits for the connection.
   * @param topic `{ secret }`: what is sent is sealed for those who have the secret, and the relay learns neither. A bare name is
   *   public: who knows it, or runs the relay, reads all.
   * @throws TopicError, ConnectError (`unreachable` with the last cause when the time is over)
   */
  join(topic: string | SealedTopicName, options?: JoinOptions): Promise<Topic>;
  /** Leaves all topics and ends the connection. Never rejects. */
  close(): Promise<void>;
  /** Calls a listener at each event until it is stopped. @returns stops it. */
  on<Name extends keyof RelayEvents>(name: Name, listener: (event: RelayEvents[Name]) => void): () => void;
}

/** How to connect. */
export type ConnectOptions = {
  /** For a relay with `AUTH=tokens`; a function is asked for each connection and before the token ends. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Closes the relay. */
  readonly signal?: AbortSignal | undefined;
  /**
   * By what the relay may be reached, in the order in which it is tried. Left out: a WebSocket, and by polls where a proxy lets
   * none through; while it polls, a WebSocket is tried again.
   */
  readonly transports?: readonly Transport[] | undefined;
  /** How long to wait between attempts to connect; the time is random up to a bound that doubles. */
  readonly reconnect?: { readonly minDelayMs?: number; readonly maxDelayMs?: number } | undefined;
  /** On Node: as `tls.connect` takes them. Elsewhere the platform decides, and it is an `option-invalid`. */
  readonly tls?: TlsOptions | undefined;
  /**
   * On Node: the proxy. `env`: as the environment says; `system`: as the system's settings say; `none`; or a URL (`http://`,
   * `https://`, `socks5://`, and of a PAC file `pac+https://`). Left out: the environment, and where it names none, the system.
   * On Bun: `env`, also where it is left out, `none`, or a URL (`http://`, `https://`).
   * Elsewhere the platform decides, and it is an `option-invalid`.
   */
  readonly proxy?: string | ProxyOptions | undefined;
};

/** A proxy whose user signs in. */
export type ProxyOptions = {
  /** As `proxy` itself. */
  readonly url?: string | undefined;
  readonly onProxyAuth?: OnProxyAuth | undefined;
};

/**
 * Asked when a proxy answers 407, and again for its next answers on the same connection: Negotiate and NTLM need up to three.
 * @returns the value of `Proxy-Authorization`, or undefined to give up. It has ten seconds.
 */
export type OnProxyAuth = (question: ProxyQuestion) => string | undefined | Promise<string | undefined>;

/** What a proxy wants. */
export type ProxyQuestion = {
  /** The proxy's URL without user and password; its host name is what a ticket is for. */
  readonly url: string;
  /** From 1 up; each dial begins anew. */
  readonly round: number;
  /** What it offers, in its order. @property parameters what stands behind the scheme: a realm, or the token of Negotiate and NTLM. */
  readonly challenges: readonly ProxyChallenge[];
};

/** A scheme of authentication that a proxy offers (RFC 9110 section 11.6.1). */
export type ProxyChallenge = { readonly scheme: string; readonly parameters: string };

/** Whom to trust. */
export type TlsOptions = {
  /** PEM, in place of the platform's roots. */
  readonly ca?: string | readonly string[] | undefined;
  /** PEM, beside the platform's roots. */
  readonly extraCa?: string | readonly string[] | undefined;
  /** SHA-256 of the certificates to trust, self-signed or not, and of no others; in any usual form of hex. */
  readonly fingerprint?: string | readonly string[] | undefined;
  /**
   * The relay's own public key, or several, of which one is its: by it `info.tls` tells whether somebody intercepts TLS. `dns`: as the TXT
   * record of `_postern.` and the relay's name has it. Left out: as an earlier visit has shown it.
   */
  readonly relayKey?: string | readonly string[] | undefined;
  /** A file for the keys of relays, so that a later process knows them. Left out: they are known for as long as this relay is. */
  readonly knownRelays?: string | undefined;
  /**
   * `reject`: a connection that is intercepted ends with `intercepted`, and so does one on which a relay whose key is known does not prove
   * its certificate. Left out: `allow`.
   */
  readonly onIntercept?: "allow" | "reject" | undefined;
};
