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
  /** Stops reading after the message at hand, so that TCP makes the peer wait. */
  pause(): void;
  /** Reads again, from a later turn of the event loop on. */
  resume(): void;
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
