import type { Carrier, Sid } from "./delivery/ports.ts";
import type { LineMember, TopicLine, TopicLineEvents } from "./line/topic-line.ts";
import type { Fault } from "./topic.ts";

/** The most that a member shows of itself: sealed, and as text, it still fits into what a relay takes. */
export const MAX_PRESENCE_BYTES = 744;

/** The port between a line and delivery: which member is which session, and what its frames go through on their way. */
export interface Passage {
  readonly carrier: Carrier;
  /** The name under which the next connection joins. */
  nextName(): string;
  /** What that connection shows of this end at once, on the wire; asked after `nextName`. Undefined: nothing, or not yet. */
  nextPresence(): string | undefined;
  /** Shows this of this end from now on, on each connection: at most `MAX_PRESENCE_BYTES`. */
  show(presence: Uint8Array): void;
  /** This client is in the topic, at first or anew. @returns the sessions that are heard at once; others come by `onHere` */
  joined(members: readonly LineMember[]): readonly Sid[];
  /** The connection is gone, and with it all handles. */
  down(): void;
  peerJoined(member: LineMember): void;
  peerLeft(peerHandle: number): void;
  /** A member shows something else. */
  shown(peerHandle: number, presence: string): void;
  received(data: Parameters<TopicLineEvents["onData"]>[0]): void;
  /** Delivery has given up this session: should it come back, it is a new one. */
  gone(sid: Sid): void;
  /** The session that is heard by this handle. */
  sidOf(peerHandle: number): Sid | undefined;
  /** Resolves when those who were there at the join are heard, or will not be. */
  met(): Promise<void>;
  /** Resolves when what was sent so far is on the line. */
  settled(): Promise<void>;
}

/** What a passage tells. */
export type PassageEvents = {
  readonly onHere: (sid: Sid) => void;
  readonly onAway: (sid: Sid) => void;
  /** What a session shows of itself: before its `onHere`, or at any time while it is heard. The bytes are the callee's. */
  readonly onPresence: (sid: Sid, presence: Uint8Array) => void;
  /** The bytes are the callee's. */
  readonly onFrame: (sid: Sid, frame: Uint8Array, how: { readonly isAddressed: boolean }) => void;
  /** `carrier.isWritable` has become true. */
  readonly onWritable: () => void;
  /** A member without sessions. */
  readonly onClassic: (peerId: string) => void;
  readonly onFault: (kind: Fault["kind"], sid: Sid | undefined) => void;
};

/** What a passage is made of. */
export type PassageParts = {
  readonly ownSid: Sid;
  readonly line: () => TopicLine | undefined;
  /** Whether the relay ends the old connection of a client that comes back. */
  readonly canTakeOver: () => boolean;
  readonly events: PassageEvents;
};

/** Makes the passage of one topic. */
export type OpenPassage = (parts: PassageParts) => Passage;
