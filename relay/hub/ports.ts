/**
 * What the hub needs from the outside, and what it offers to a socket. It imports none of the implementations.
 */

/** One socket, as the hub sees it. Implemented by relay/websocket/link.ts. */
export interface Link {
  /** Bytes accepted by `send` and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Bytes taken by the operating system since the start: while it stays the same, the reader drains nothing. */
  readonly drainedBytes: number;
  /** Queues one frame. Never waits, never throws; does nothing on a link that is closing. The link keeps the reference. */
  send(frame: Uint8Array): void;
  /** Sends what is queued, then closes with an RFC 6455 code; gives up on a peer that does not answer in a bounded time. */
  close(code: number, reason: string): void;
  /** Stops reading after the message at hand, so that TCP makes the peer wait: one of its topics is congested. */
  pause(): void;
  /** Takes `pause` back. Where nothing else keeps the link from being read, that is from a later turn on. */
  resume(): void;
  /** Stops reading after the message at hand, for this long at least: the peer sends above its rate. */
  pauseFor(durationMs: number): void;
  /** Stops reading after the message at hand: the session waits for something before it can take the next one. */
  hold(): void;
  /** Takes `hold` back. */
  release(): void;
  /** Calls back once, when no more than this waits to be sent. Never from within this call. */
  whenBelow(bytes: number, callback: () => void): void;
}

/** A member as its topic knows it. The handle is unique in the topic and given by the relay; the peer id is a claim. */
export interface MemberIdentity {
  readonly peerId: string;
  readonly peerHandle: number;
  readonly topicName: string;
  readonly topicHandle: number;
  /** What this member's data messages begin with, by encoding; filled by the encodings. */
  readonly dataStarts: Map<unknown, Uint8Array>;
}

/** What a sender handed over. Opaque to the hub; the dialect that made it encodes it. Good only during the call. */
export interface Payload {
  /** As it came in. */
  readonly byteLength: number;
}

/** What a member may be told. Opaque payloads stay as the sender wrote them. */
export type HubEvent<P extends Payload> =
  | { readonly type: "peer-joined" | "peer-left"; readonly member: MemberIdentity }
  | { readonly type: "data"; readonly from: MemberIdentity; readonly to: number | undefined; readonly payload: P }
  | {
      readonly type: "offer" | "answer" | "candidate";
      readonly from: MemberIdentity;
      readonly to: number;
      readonly payload: string;
    };

/** One way to write events as frames; stateless, shared by all connections that speak it. Implemented by the dialects. */
export interface Encoding<P extends Payload> {
  /** Whether its clients understand `offer`, `answer` and `candidate`. */
  readonly hasSignals: boolean;
  /** Writes one event as one frame. Called once per (event, encoding), whatever the number of members. */
  encode(event: HubEvent<P>): Uint8Array;
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

/** What a session turns down for want of a grant: a closed set, it labels counts. */
export type Denial = "missing" | "join" | "publish";

/** What one connection may do, from its upgrade to its end. Implemented by relay/auth/. */
export interface Access {
  /** Whether it may do anything but present a token. */
  readonly isGranted: boolean;
  /** Whether it may send to the members of its topics, data and signals alike. */
  readonly mayPublish: boolean;
  /** Who it is, as the token says; undefined without one. Never to be logged as it is. */
  readonly subject: string | undefined;
  /** The class of limits that the token names. */
  readonly rateClass: string | undefined;
  /** Whether it may join this topic. Does not depend on whether the topic exists. */
  mayJoin(topicName: string): boolean;
  /** Checks a token that came in a message, and takes over what it grants. Never rejects; takes a bounded time. */
  present(token: string): Promise<Presented>;
  /** Counts what was turned down: anything without a grant, a topic that may not be joined, data that may not be sent. */
  denied(what: Denial): void;
  /** Has the callback called, once, when the grant ends before the connection: `expired` or `revoked`. */
  whenEnded(callback: (why: AccessRefusal) => void): void;
  /** The connection is gone, or never came about. Idempotent. */
  release(): void;
}

/** One connection as its session sees it, besides the link. Made by the owner of the socket, one for each. */
export interface SessionConnection {
  readonly access: Access;
  /** Under which the connection is in the access log; told to a client with the last error it gets. */
  readonly requestId: string;
  /** The access has a grant, or another one, from now on: who it is and how fast it may send may have changed. */
  authorized(): void;
  /** A defect of the session, found where nobody called it: it is logged, and the connection ends with 1011. */
  failed(error: unknown): void;
  /** For the access log: the client is a member of this topic from now on, or is one no more. */
  joined(topicName: string): void;
  left(topicName: string): void;
}

/** The conversation on one socket: what the socket's owner may tell it. Implemented by the dialects. */
export interface Session {
  /** Whether this connection has ever joined; one that has not may be closed as undecided. */
  readonly hasJoined: boolean;
  /**
   * Takes one whole message. Never throws for bad input. The bytes may be reused after the call.
   * @param isPrintable every byte is printable ASCII: such a message may be taken apart without a decoder.
   */
  receive(message: Uint8Array, isBinary: boolean, isPrintable: boolean): void;
  /** Tells the client, if it understands, that the relay is about to stop. */
  announceRestart(reconnectWithinMs: number): void;
  /** The socket is gone: leaves every topic. Idempotent. */
  end(): void;
}

/** How fast one topic may be published to. Implemented by relay/limits/. */
export interface TopicRate {
  /** Counts a message. @returns how long its sender is to wait before the next one, in milliseconds; 0: not at all. */
  published(byteLength: number): number;
}
