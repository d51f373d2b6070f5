import type { PosternError } from "../errors.ts";
import type { Frame } from "./frame.ts";

/** The ports of the delivery layer: what it needs of the topic that carries its frames, and what it tells the app. */

/** The session of a peer: 16 random bytes as base64url, made once per `join` of an app. It outlives connections. */
export type Sid = string;

/** Where frames go: one topic on the present connection. A peer is here by at most one handle. */
export interface Carrier {
  /** Frames reach the socket, and it has room. While it is false only small frames are sent: status and the like. */
  readonly isWritable: boolean;
  /** What goes to several of them leaves once, and not once for each. */
  readonly hasLists: boolean;
  /** Nobody writes to the frame afterwards, the carrier neither: it may be sent again. */
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

/**
 * Messages to one peer, in order: what delivery hands its frames to. Every call comes from delivery, in the order in which
 * things happen, and none may throw. It sends by the same carrier.
 */
export interface DirectLanes {
  received(sid: Sid, frame: Extract<Frame, { readonly type: "chunk" | "acknowledgement" }>): void;
  /** The peer is here: at first (before the app is told), and each time that it or this client is back. */
  peerBack(sid: Sid): void;
  /** The peer is not reached for now: it is away, or this client is. */
  peerAway(sid: Sid): void;
  /** Its grace is over. Before the app is told. @param how `mayReturn: false`: it has said that its session ends */
  peerGone(sid: Sid, how?: { readonly mayReturn: boolean }): void;
  /** The carrier has room again: sends so many bytes, and what is left of the last frame. @returns whether that was all there is. */
  writable(maxBytes?: number): boolean;
  /** What is sent to this peer waits at the relay, or no more. Begins anew, relieved, with each `peerBack`. */
  congestion(sid: Sid, isCongested: boolean): void;
  /** The app has room for messages again. */
  roomAgain(): void;
  /** For good. Nothing follows. */
  close(error: PosternError): void;
}
