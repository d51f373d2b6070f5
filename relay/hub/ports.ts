/**
 * What the hub needs from the outside. It imports none of the implementations.
 */

/** Whose message it is that makes somebody send: how long it may wait for company, and since when it is on its way. */
export interface Origin {
  /** Its messages may wait a little for others: it sends no less for that. */
  readonly mayWait: boolean;
  /** When the bytes at hand came, on the relay's turn clock. */
  readonly receivedAtMs: number;
}

/** One connection's way to its peer, as the hub sees it. Implemented by relay/websocket/link.ts. */
export interface Link extends Origin {
  /** Bytes accepted by `send` and not yet taken from it. */
  readonly bufferedBytes: number;
  /**
   * Memory of what was taken from it, is on its way, and is kept until the peer has it. It congests nobody, and counts
   * towards the hard limit. 0 where the system keeps that.
   */
  readonly inFlightBytes: number;
  /**
   * Queues one frame, header and all. Never waits, never throws; does nothing on a link that is closing. The link keeps
   * the reference.
   * @param origin undefined: nobody's message, it goes at once.
   */
  send(frame: Uint8Array, origin?: Origin): void;
  /** Sends what is queued, then closes with an RFC 6455 code; gives up on a peer that does not answer in a bounded time. */
  close(code: number, reason: string): void;
  /** Stops reading after the message at hand, so that TCP makes the peer wait: one of its topics is congested. */
  pause(): void;
  /**
   * Takes `pause` back. Where nothing else keeps the link from being read, that is from a later turn on.
   * @param isFreed by the end of one who was in the way: the clocks of this reader begin anew.
   */
  resume(how: { readonly isFreed: boolean }): void;
  /** Stops reading after the message at hand, for this long at least: the peer sends above its rate. */
  pauseFor(durationMs: number): void;
  /** Whether the peer takes too little of what waits for it, for too long: as far as the link can know. */
  judge(): SlowReason | undefined;
  /** Calls back once, when no more than this waits to be sent. Never from within this call. */
  whenBelow(bytes: number, callback: () => void): void;
  /**
   * Calls back once, when what waits now has been written: something has to wait. Not at all where the link ends before, or
   * is asked again. Never from within this call.
   */
  whenWritten(callback: () => void): void;
}

/** Why a reader is ended: a closed set; each is a label of the counter. `stalled`: it takes nothing; `slow`: too little. */
export const slowReasons = ["stalled", "slow"] as const;

/** One of the reasons above. */
export type SlowReason = (typeof slowReasons)[number];

/** The time, and its turns. Implemented by relay/turn-clock.ts. */
export interface TurnTime {
  /** As of the last chunk or timer, in monotonic milliseconds. */
  readonly nowMs: number;
  /** Runs a task in the next turn of the event loop. */
  nextTurn(task: () => void): void;
}

/** A member as its topic knows it. The handle is unique in the topic and given by the relay; the peer id is a claim. */
export interface MemberIdentity {
  readonly peerId: string;
  readonly peerHandle: number;
  readonly topicName: string;
  readonly topicHandle: number;
  /** What it shows of itself, as it is now: a text of its own choice. Undefined: nothing. */
  readonly presence: string | undefined;
  /**
   * What this member's messages begin with in one encoding: written at the first call, kept with the member from then on.
   * @param encoding whose it is: the key under which it is kept.
   */
  startFor(encoding: Encoding, write: (from: MemberIdentity) => Uint8Array): Uint8Array;
}

/** What a sender handed over. Opaque to the hub. Good only during the call that it was made for; `keep` outlives it. */
export interface Payload {
  /** As the sender wrote it. */
  readonly byteLength: number;
  /** Whether the sender wrote text. */
  readonly isText: boolean;
  /** As the sender wrote it: bytes, or what stands between the quotes of a JSON string. */
  asSent(): Uint8Array;
  /** As what stands between the quotes of a JSON string: base64 where the sender wrote bytes. */
  jsonText(): Uint8Array;
  /** As bytes; null where the sender wrote text that stands for none. */
  raw(): Uint8Array | null;
  /** How many bytes an app sees: of text that is not the base64 of any, its own. Looks at no more than it must. */
  isLargerThan(byteCount: number): boolean;
  /** The same with memory of its own, good for as long as somebody holds it. */
  keep(): Payload;
}

/** What a member may be told. Opaque payloads stay as the sender wrote them. */
export type HubEvent =
  /** `presence`: what this member shows of itself has changed. Only encodings that take `presence` write it. */
  | { readonly type: "peer-joined" | "peer-left" | "presence"; readonly member: MemberIdentity }
  | {
      readonly type: "data";
      readonly from: MemberIdentity;
      /** The addressee; undefined for all. */
      readonly to: number | undefined;
      readonly payload: Payload;
    }
  | {
      /** A dialect's own kind of message to one member; only encodings that take the kind are asked to write it. */
      readonly type: "addressed";
      readonly kind: string;
      readonly from: MemberIdentity;
      readonly to: number;
      readonly payload: Payload;
    }
  | {
      /** So many messages of this member were not delivered to this receiver. Only encodings that take `omitted` write it. */
      readonly type: "omitted";
      readonly from: MemberIdentity;
      readonly count: number;
      /** Of their payloads, as the sender wrote them. */
      readonly sizeBytes: number;
    };

/** What a connection is told of its own holds: it may hold back until it is relieved. */
export type HoldNotice = {
  readonly state: "congested" | "relieved";
  readonly topicName: string;
  /** The addressee that has no room; undefined: the topic as a whole. */
  readonly to: number | undefined;
  readonly heldBytes: number;
};

/** How much a connection may have held, and how it is told. Given by its session. */
export type HoldRules = {
  /** It is read while no more than this is held of it. 0: while nothing is. */
  readonly holdLimitBytes: number;
  /** Writes what its client is told, as a frame. Left out: its clients have no word for it. */
  readonly encodeNotice?: (notice: HoldNotice) => Uint8Array;
  /** Writes what its client is told before it is closed because its outbox was full. Left out: it sees the close alone. */
  readonly encodeLastWord?: () => Uint8Array;
};

/** One way to write events as frames; stateless, shared by all connections that speak it. Implemented by the dialects. */
export interface Encoding {
  /**
   * Whether its clients have a word for this, beside data: `peer-joined`, `peer-left`, `presence`, `omitted`, or a kind of addressed
   * message of the dialect's own. They are told nothing else, and hold nobody up for it.
   */
  takes(kind: string): boolean;
  /** Whether the frame of addressed data is the same whoever of several addressees gets it. */
  isAlikeForAll(payload: Payload): boolean;
  /** Writes one event that it takes as one frame. Called once per (event, encoding), whatever the number of members. */
  encode(event: HubEvent): Uint8Array;
}

/** How fast one topic may be published to. Implemented by relay/limits/. */
export interface TopicRate {
  /** Counts a message. @returns how long its sender is to wait before the next one, in milliseconds; 0: not at all. */
  published(byteLength: number): number;
}

/**
 * Is told what other nodes, or a store, have to know. Called synchronously, in the order of things; events and payloads
 * are good during the call alone.
 */
export interface HubHooks {
  /** The first member of a name is here. */
  topicOpened(topicName: string): void;
  /** The last one has left. */
  topicClosed(topicName: string): void;
  /** An event of this node is for all other members here: data, who came and left, and what they show. */
  published(topicName: string, event: HubEvent): void;
}
