/**
 * What the hub needs from the outside, and what it offers to a socket. It imports none of the implementations.
 */

/** One socket, as the hub sees it. Implemented by relay/websocket/link.ts. */
export interface Link {
  /** Bytes accepted by `send` and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** Queues one frame. Never waits, never throws; does nothing on a link that is closing. The link keeps the reference. */
  send(frame: Uint8Array): void;
  /** Sends what is queued, then closes with an RFC 6455 code; gives up on a peer that does not answer in a bounded time. */
  close(code: number, reason: string): void;
}

/** A member as its topic knows it. The handle is unique in the topic and given by the relay; the peer id is a claim. */
export interface MemberIdentity {
  readonly peerId: string;
  readonly peerHandle: number;
  readonly topicName: string;
}

/** What a member may be told. Opaque payloads stay as the sender wrote them. */
export type HubEvent =
  | { readonly type: "peer-joined" | "peer-left"; readonly member: MemberIdentity }
  | { readonly type: "data"; readonly from: MemberIdentity; readonly to: number | undefined; readonly payload: string }
  | {
      readonly type: "offer" | "answer" | "candidate";
      readonly from: MemberIdentity;
      readonly to: number;
      readonly payload: string;
    };

/** One way to write events as frames; stateless, shared by all connections that speak it. Implemented by the dialects. */
export interface Encoding {
  /** Whether its clients understand `offer`, `answer` and `candidate`. */
  readonly hasSignals: boolean;
  /** Writes one event as one frame. Called once per (event, encoding), whatever the number of members. */
  encode(event: HubEvent): Uint8Array;
}

/** The conversation on one socket: what the socket's owner may tell it. Implemented by the dialects. */
export interface Session {
  /** Whether this connection has ever joined; one that has not may be closed as undecided. */
  readonly hasJoined: boolean;
  /** Takes one whole message. Never throws for bad input. The bytes may be reused after the call. */
  receive(message: Uint8Array, isBinary: boolean): void;
  /** Tells the client, if it understands, that the relay is about to stop. */
  announceRestart(reconnectWithinMs: number): void;
  /** The socket is gone: leaves every topic. Idempotent. */
  end(): void;
}
