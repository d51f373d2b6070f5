/** The ports of the delivery layer: what it needs of the topic that carries its frames, and what it tells the app. */

/** The session of a peer: 16 random bytes as base64url, made once per `join` of an app. It outlives connections. */
export type Sid = string;

/** Where frames go: one topic on the present connection. A peer is here by at most one handle. */
export interface Carrier {
  /** Frames reach the socket, and it has room. While it is false nothing is sent but what was begun. */
  readonly isWritable: boolean;
  /** The frame is the carrier's from now on. */
  toAll(frame: Uint8Array): void;
  /** To these alone; who is not here is passed over. */
  toPeers(sids: readonly Sid[], frame: Uint8Array): void;
}

/** What delivery tells. None of these may throw. */
export type DeliveryEvents = {
  /** Before anything of this peer; the baseline for what it will get is set before. */
  readonly onPeerJoined: (sid: Sid) => void;
  /** After the grace, and after everything of it that will ever come. */
  readonly onPeerLeft: (sid: Sid) => void;
  /** Each sender's in order, each once. The payload is the callee's. */
  readonly onMessage: (sid: Sid, payload: Uint8Array) => void;
  /** One per jump, in the place of what is lost: count >= 1. */
  readonly onLost: (sid: Sid, count: number) => void;
  /** Broadcasts wait for these; an empty list: no longer. */
  readonly onHeld: (sids: readonly Sid[]) => void;
  readonly onFault: (sid: Sid, kind: "unreadable" | "unknown-kind" | "overflow" | "flood") => void;
  /** Whether the app has room for another message. While it has not, messages are dropped beyond a bound, and asked for later. */
  readonly hasRoom: () => boolean;
};
