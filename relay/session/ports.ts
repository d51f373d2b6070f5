import type { Link } from "../hub/ports.ts";
import type { Accounts } from "./accounts.ts";

/**
 * What a conversation is made of: the link it goes over, what its client may do, and the wire protocol that is spoken.
 */

/** A link as the owner of connections sees it. Implemented by relay/websocket/link.ts. */
export interface ConnectionLink extends Link {
  /** On the relay's turn clock. */
  readonly openedAtMs: number;
  /** Bytes from and to the client since the connection was opened, its upgrade request among them. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Starts the conversation: from now on what comes is the owner's. @param head what came with the upgrade request. */
  attach(owner: LinkOwner, head: Buffer): void;
  /**
   * Whether the peer gave a sign of life since this was last asked, the first time: ever. Anything that came in, and
   * anything that left and had to wait before; also where it was not read meanwhile: that silence is not the peer's.
   */
  wasHeard(): boolean;
  /** Whether a ping still waits to be written: it accuses nobody. */
  readonly isPingWaiting: boolean;
  /** Bytes that the peer has read since the start, as far as the link can know. */
  readonly readByPeerBytes: number;
  /** Whether the relay reads it now. */
  readonly isRead: boolean;
  /** Asks the peer for a sign of life, ahead of what waits. */
  ping(): void;
  /** Counts towards the rates of this client, beside what it has sent: messages that stand for more, and answers. */
  charge(cost: { readonly messageCount: number; readonly byteCount: number }): void;
  /** Stops reading after the message at hand: the session waits for something before it can take the next one. */
  hold(): void;
  /** Takes `hold` back. */
  release(): void;
  /** From now on it may send as fast as this class may; undefined: as those without one. */
  limitTo(rateClass: string | undefined): void;
  /**
   * Closes like `close`, but what the peer sends until it answers is still the owner's: it could not know better. The
   * link sends nothing more.
   */
  leave(code: number, reason: string): void;
  /** Ends the connection at once, without a word. */
  terminate(): void;
}

/** Whom a link works for. Implemented by relay/session/connection.ts. */
export interface LinkOwner {
  /** Takes one whole message. Never throws. The bytes may be reused after the call. @param isPrintable every byte is printable ASCII. */
  receive(message: Uint8Array, isBinary: boolean, isPrintable: boolean): void;
  /** The peer has said its last word: it closed as it should, or broke the protocol. The link sees to its own close. */
  hungUp(how: Ending): void;
  /** The link is gone. Called once. @param closeCode RFC 6455 section 7.1.5: 1006 where there was no close frame. @param by who said it first. */
  ended(closeCode: number, by: "peer" | "relay"): void;
}

/**
 * Why a credential does not do. A closed set: it labels counts, and clients are told it (docs/protocol.md#refusals).
 * None of them depends on which topics exist.
 */
export type AccessRefusal =
  | "missing"
  | "malformed"
  | "unknown-key"
  | "bad-signature"
  | "bad-claims"
  | "wrong-issuer"
  | "wrong-audience"
  | "not-yet-valid"
  | "expired"
  | "revoked"
  | "other-subject"
  | "too-many-connections"
  | "too-many-checks"
  | "keys-unavailable";

/** What became of a token that a client presented. `kept`: it does not do, and the grant that was there stays. */
export type Presented =
  | { readonly outcome: "granted"; readonly expiresAtMs: number | undefined }
  | { readonly outcome: "kept"; readonly refusal: AccessRefusal }
  | { readonly outcome: "refused"; readonly refusal: AccessRefusal };

/** What one connection may do, from its upgrade to its end. Implemented by relay/auth/. */
export interface Access {
  /** Whether it may do anything but present a token. */
  readonly isGranted: boolean;
  /** Whether it may send to the members of its topics, data, signals and presences alike. */
  readonly mayPublish: boolean;
  /** Whether it may deposit into mailboxes, and read those that it proves to be its own. */
  readonly mayUseMailboxes: boolean;
  /** Who it is, as the token says; undefined without one. Never to be logged as it is. */
  readonly subject: string | undefined;
  /** The class of limits that the token names. */
  readonly rateClass: string | undefined;
  /** Whether it may join this topic. Does not depend on whether the topic exists. */
  mayJoin(topicName: string): boolean;
  /** Checks a token that came in a message, and takes over what it grants. Never rejects; takes a bounded time. */
  present(token: string): Promise<Presented>;
  /** Counts a message that was turned down because there is no grant at all. */
  denied(): void;
  /** Has the callback called, once, when the grant ends before the connection: `expired` or `revoked`. */
  whenEnded(callback: (why: AccessRefusal) => void): void;
  /** The connection is gone, or never came about. Idempotent. */
  release(): void;
}

/** One coming and going of a client, for the limit on those who come back at once. Implemented by relay/limits/returners.ts. */
export interface Visit {
  /** Whether it comes back too often to be looked at. To be asked once. */
  isIgnored(): boolean;
  /** It is refused what it will not get by coming back. @returns how long to hold the refusal back, in milliseconds. */
  refused(): number;
  /** It has presented a good token. */
  granted(): void;
  /** It has joined. */
  joined(): void;
  /** Its connection is over. To be called once. */
  ended(): void;
}

/** Whose connection it is. */
export type Applicant = {
  readonly clientAddress: string;
  readonly visit: Visit;
  /** Its address opens connections faster than it may. */
  readonly isOverRate: boolean;
};

/** How a conversation ends: with a close frame, or a planned stop; or the connection was cut off, or broke a rule. */
export type Ending = "closed" | "cut";

/** How a connection is closed: an RFC 6455 code, and a reason that says why in a word or a few. */
export type Close = {
  readonly code: number;
  readonly reason: string;
  /** Where another system's code is taken here for something else: the relay's code that says the same. It counts as that. */
  readonly meaning?: number;
  /** With 1013: after what time to come back. Who has a word for it is told before the close: some clients see 1006. */
  readonly retryAfterMs?: number;
};

/** One connection as its session sees it, besides the link. Implemented by relay/session/connection.ts. */
export interface SessionConnection {
  readonly access: Access;
  /** Never to be told to others, and to be counted by its network. */
  readonly clientAddress: string;
  /** Under which the connection is in the access log; told to a client with the last error it gets. */
  readonly requestId: string;
  /** The access has a grant, or another one, from now on: who it is and how fast it may send may have changed. */
  authorized(): void;
  /** A defect of the session, found where nobody called it: it is logged, and the connection ends with 1011. */
  failed(error: unknown): void;
  /** For the access log: the client is a member of this topic from now on, or is one no more. */
  joined(topicName: string): void;
  left(topicName: string): void;
  /** Ends the conversation: the session, and then the link, behind what is queued for it. Idempotent. */
  end(close: Close): void;
  /**
   * Asks the client whether it is there, once per 10 s whoever asks. Calls back within a bounded time, never from within
   * this call. @returns takes it back.
   */
  probe(onAnswer: (isThere: boolean) => void): () => void;
  /** Nothing is heard of the client: ends the conversation, and cuts the link. */
  lost(): void;
  /** The client is back on another connection: this one ends. */
  takenOver(): void;
  /** The conversation is this session's from now on, whatever its client says first. Idempotent. */
  settle(): void;
}

/** A planned stop, as a client is told of it. */
export type RestartNotice = {
  /** When this connection is closed. */
  readonly closesInMs: number;
  /** After that: within what time it is to come back, at a random moment. */
  readonly reconnectWithinMs: number;
};

/** The conversation on one link. Implemented by the dialects. */
export interface Session {
  /** Whether this connection has ever joined; one that has not may be closed as undecided. */
  readonly hasJoined: boolean;
  /**
   * Takes one whole message. Never throws for bad input. The bytes may be reused after the call.
   * @param isPrintable every byte is printable ASCII: such a message may be taken apart without a decoder.
   */
  receive(message: Uint8Array, isBinary: boolean, isPrintable: boolean): void;
  /** Tells the client, if it understands, that the relay stops. Everything goes on until the close. */
  announceRestart(notice: RestartNotice): void;
  /** The close is near: what comes anew is refused where the client has a word for it, so that it need not guess. */
  refuseNew(): void;
  /** The close is on its way: the client is told nothing more, and what it says is taken until `end`. */
  hearOut(): void;
  /** Leaves every topic, and takes nothing more. Idempotent. @param how what becomes of that which is held of it. */
  end(how: Ending): void;
}

/** A conversation whose client has said nothing yet, and may be another dialect's. Implemented by the dialects. */
export interface SilentSession extends Session {
  /** It is another dialect's: leaves as if it had never been here. It is told nothing more. */
  withdraw(): void;
}

/** Why an upgrade is refused, as a client is told of it. */
export type UpgradeRefusalNotice = {
  /** What is not taken. */
  readonly of: "credential" | "connection";
  /** The word for it. */
  readonly reason: string;
  readonly requestId: string;
  /** After what time to come back; undefined: not before something has changed. */
  readonly retryAfterMs: number | undefined;
};

/** What an upgrade request asks for, as far as a dialect is concerned. */
export type Opening = {
  /** Without the query, and without the dialect's own prefix; else as it came, with its percent signs. */
  readonly path: string;
  /**
   * `own`: an address at which the relay is this dialect's system and no other, under its prefix or on a port of its own.
   * `shared`: the relay's port, where all dialects are side by side.
   */
  readonly place: "own" | "shared";
  /** The Host header in lower case, without a port. */
  readonly host: string;
  /** The one that was chosen; "" where there is none. */
  readonly subprotocol: string;
  /** Behind the question mark: it may have a secret, and is never to be logged. */
  readonly query: string;
  /** The header of that name; "" where there is none. A secret too. */
  readonly authorization: string;
};

/** An address as it was asked for. */
export type Target = {
  /** Without the query; as it came. */
  readonly path: string;
  /** The Host header in lower case, without a port. */
  readonly host: string;
  /** The port of the relay's own that the connection came by. */
  readonly port: number | undefined;
};

/** What of an upgrade request decides whose it is. */
export type Asked = Pick<Opening, "path" | "place" | "host">;

type RouteMethod = "GET" | "POST" | "OPTIONS";

/** A plain HTTP request to a route of a dialect. */
type RouteRequest = {
  readonly method: RouteMethod;
  /** Whose it is: to be counted by its network, and told to nobody. "": it is gone. */
  readonly clientAddress: string;
  /** As `Opening.path`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By lower-case name; undefined where it did not come. */
  readonly header: (name: string) => string | undefined;
  /** At most the route's `maxBodyBytes`. */
  readonly body: Uint8Array;
};

/** What a route answers. */
type RouteAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A page of a dialect, for plain HTTP. */
export type Route = {
  readonly method: RouteMethod;
  /** As `Opening.path`. A `*` at the end stands for one segment, whatever it is. */
  readonly path: string;
  /** Where it is: at every address of the dialect, or only at its own, because the shared port has another page there. */
  readonly place?: "own" | undefined;
  /**
   * Who may ask: whose grant, as of an upgrade, permits to join this; others get 401. And who might open a connection, by
   * address and site; others get 403. Left out: everybody may.
   */
  readonly permittedBy?: string;
  /** A larger body gets 413. 0: none is taken. */
  readonly maxBodyBytes: number;
  /** Never rejects. */
  answer(request: RouteRequest): RouteAnswer | Promise<RouteAnswer>;
};

/** What went one way with one kind of client in one encoding, since the start. */
export type TrafficReading = {
  readonly dialect: string;
  /** Which of the dialect's kinds of client: a closed set, it is a label. */
  readonly client: string;
  readonly encoding: "json" | "binary" | "verbatim";
  readonly received: { readonly messageCount: number; readonly byteCount: number };
  readonly sent: { readonly messageCount: number; readonly byteCount: number };
};

/**
 * One wire protocol: a folder in relay/dialects/ and a line in relay/dialects/all.ts. It knows messages and sessions; of
 * sockets, HTTP and other dialects it knows nothing.
 */
export interface Dialect {
  /** Its folder, and its label in metrics and logs. */
  readonly name: string;
  /** The kinds of client that speak it: a closed set of words, each a label. */
  readonly clients: readonly string[];
  /**
   * A path that begins so (`/pair`) is this dialect's own address: what is behind it is the path that the original has.
   * Dialects of one system share it. Left out: it has none.
   */
  readonly prefix?: string;
  /** Whether an upgrade request may be for it, by path, host and place. Several dialects may say so of one. */
  claims(asked: Asked): boolean;
  /**
   * Where another dialect claims the same: whether a conversation that begins with this message is its own. Left out: it
   * takes what no other wants.
   */
  claimsFirst?(message: Uint8Array, isBinary: boolean, asked: Asked): boolean;
  /** Where another dialect claims the same: whether a client is its own before it has said anything. Left out: it is not. */
  claimsSilent?(asked: Asked): boolean;
  /** What a client that has not joined in time is told with its 1008. Left out: `no join in time`. */
  readonly noJoinReason?: string;
  /**
   * Where another dialect claims the same, and a client of this one may only listen: opens a conversation that has not
   * begun. It goes on as this dialect's with the first message that no other wants, or where it calls
   * `SessionConnection.settle`. Asked of the last dialect alone. Left out: it begins with the first message.
   */
  openSilent?(link: ConnectionLink, connection: SessionConnection, opening: Opening): SilentSession;
  /** The parameter of an address in which its clients may bring a credential: by it they are known again. Left out: none. */
  readonly credentialParameter?: string;
  /** Chooses one of the subprotocols that a client offers (RFC 6455 section 1.9); undefined: none. */
  chooseSubprotocol(offered: ReadonlySet<string>): string | undefined;
  /** Which kind of client this is. */
  clientOf(opening: Opening): string;
  /**
   * Writes what a client whose upgrade is refused is told before the close, as a frame; only where this dialect has chosen
   * the subprotocol. Left out, or undefined: it sees the close alone.
   */
  refusalFrame?(opening: Opening, refusal: UpgradeRefusalNotice): Uint8Array | undefined;
  /** Opens a conversation on a new link. */
  open(link: ConnectionLink, connection: SessionConnection, opening: Opening): Session;
  /** Pages for plain HTTP. */
  readonly routes: readonly Route[];
  /** How many sweep intervals longer than others a connection may be silent. */
  readonly extraSilentSweeps: number;
  /** The largest message that is taken, where that is less than MAX_FRAME_BYTES; a larger one closes with 1009. */
  readonly maxMessageBytes?: number;
  /** How its connections are closed when the relay stops. */
  readonly restartClose: Close;
  /** What it has now, and has carried, in the words of its original: added to what `/health` and `/stats` show. No names. */
  figures?(): { readonly health: Readonly<Record<string, number>>; readonly stats: Readonly<Record<string, number>> };
  /** Who is registered, where it keeps accounts. */
  readonly accounts?: Accounts;
  /** Ends what has waited for too long. Called once a second. */
  lookAround?(): void;
  /** Adds its counts since the start. */
  traffic(): readonly TrafficReading[];
  /** Messages that were not taken, by a closed set of words; also those that never came. */
  rejected(): Readonly<Record<string, number>>;
}
