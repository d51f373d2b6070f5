import type { PosternError } from "../errors.ts";

/** The port between a topic and the line that carries it: one membership, made anew on each connection. */

/** A member as the relay names it. The handle is its identity on this connection. */
export type LineMember = {
  readonly peerId: string;
  readonly peerHandle: number;
  /** What it shows of itself, at most 1,024 bytes; undefined: nothing, or the relay cannot tell. */
  readonly presence?: string | undefined;
};

/** The own membership has begun, at first or anew. All handles of before are void. */
export type LineJoined = {
  readonly self: LineMember;
  /** All others, every page of them. Who came or went while the pages were read is in it or not, as it is now. */
  readonly members: readonly LineMember[];
  readonly maxPayloadBytes: number;
};

/** What a line tells of a topic. `onJoined` and `onDown` alternate; members and data come only between them. */
export type TopicLineEvents = {
  readonly onJoined: (joined: LineJoined) => void;
  /** The connection is gone, and with it all handles. The line dials again by itself. */
  readonly onDown: () => void;
  readonly onPeerJoined: (member: LineMember) => void;
  readonly onPeerLeft: (member: LineMember) => void;
  /** A member shows something else. In no order with its data: what it sent before may come later. */
  readonly onPresence: (shown: { readonly peerHandle: number; readonly presence: string }) => void;
  /** @property payload bytes, owned by the callee; text where a member sent what is not base64. */
  readonly onData: (data: {
    readonly peerHandle: number;
    readonly payload: Uint8Array | string;
    readonly isAddressed: boolean;
  }) => void;
  /** So many messages of this member, of so many bytes in all, were not given to this one. */
  readonly onOmitted: (omitted: {
    readonly peerHandle: number;
    readonly count: number;
    readonly sizeBytes: number;
  }) => void;
  /** What is sent there waits at the relay, or no more. `to` undefined: the topic as a whole. */
  readonly onCongestion: (congestion: { readonly to: number | undefined; readonly isCongested: boolean }) => void;
  /** `isWritable` has become true. */
  readonly onWritable: () => void;
  /** The relay does not take this client back into the topic: nothing follows. */
  readonly onEnded: (error: PosternError) => void;
};

/** A topic on a line. */
export interface TopicLine {
  /** Joined, and less than 256 KiB wait in the socket. What is sent while it is false and not joined is passed over. */
  readonly isWritable: boolean;
  /** The relay takes a list of addressees for one message: up to 64 handles. Without that `sendTo` sends a copy for each. */
  readonly hasLists: boolean;
  /**
   * Sends to all members: 1..maxPayloadBytes bytes.
   * @param roomBytes the payload is the line's from here on, and so are so many bytes before it in its memory. Left out: it is copied.
   */
  sendToAll(payload: Uint8Array, roomBytes?: number): void;
  /** The same to these members, any number of handles; absent ones are passed over. */
  sendTo(peerHandles: readonly number[], payload: Uint8Array, roomBytes?: number): void;
  /**
   * Changes what the others see of this member: at most 1,024 bytes, which is for the caller to check. What is set while the
   * line is not joined, or before there is room, is sent then, the last one only; on the next connection it is for
   * `TopicLineOptions.presence` to give. Does nothing where the relay has no `presence`.
   */
  setPresence(presence: string): void;
  /** Something is expected of others now: the line looks more often whether it is alive. */
  expectTraffic(): void;
  /** Resolves when the relay has said so, or after 2 s. Nothing follows. Never rejects. */
  leave(): Promise<void>;
}

/** How a topic is joined on a line. */
export type TopicLineOptions = {
  /** The name for this connection; asked at each join, also after `peer-id-taken`. Undefined: the relay makes one. */
  readonly peerId: () => string | undefined;
  /** What the others see of this member at first; asked at each join. Undefined, or left out: nothing. */
  readonly presence?: (() => string | undefined) | undefined;
};
