import { type ErrorCode, errorSentences } from "./error-codes.ts";
import {
  isAttestation,
  isCount,
  isData,
  isFlag,
  isHandle,
  isPad,
  isPeerId,
  isPresence,
  isRef,
  isSecret,
  isSentence,
  isSignalPayload,
  isTopic,
  isWord,
  optional,
} from "./fields.ts";
import { hasFields, type MessageTable, readMessage, type Unreadable, writeMessage } from "./json-message.ts";
import type { SignalType } from "./v1-client-messages.ts";

/** One member of a topic as v1 clients see it: the name is claimed, the handle is the relay's and unique in the topic. */
type MemberName = { readonly peerId: string; readonly peerHandle: number };

/** @property presence what it shows of itself; left out where it shows nothing. */
type Shown = { readonly presence?: string | undefined };

/** A member in a list. */
type MemberEntry = MemberName & Shown;

/** What the relay allows this connection; sent with `joined`. */
export type ConnectionLimits = {
  readonly maxFrameBytes: number;
  readonly maxTopicsPerConnection: number;
  /** The largest payload that reaches every member whatever its encoding. Left out by an older relay. */
  readonly maxPayloadBytes?: number | undefined;
};

/** What a relay can, so that clients need not try. An older relay tells none; a newer one may tell others. */
export const features = ["congestion", "lists", "ping", "presence", "takeover"] as const;

/** And this one, where it keeps mailboxes. */
export const MAILBOX_FEATURE = "mailbox";

/** The `ref` of the message that this one answers. */
type Ref = number | undefined;

/** The topic, and the member of it that a message is from or about. */
type OfMember = MemberName & { readonly topic: string };

/** The answer to a join. */
type V1Joined = OfMember & {
  readonly type: "joined";
  /** Stands for the topic in binary data. */
  readonly topicHandle: number;
  /** The others, in join order. */
  readonly members: readonly MemberEntry[];
  readonly limits: ConnectionLimits;
  /** All members, the own among them. */
  readonly memberCount?: number | undefined;
  /** `members` is one page, and there are others: ask for those behind the last handle. */
  readonly more?: boolean | undefined;
  /** Proves to this relay that a later connection is of the same client. A secret. */
  readonly takeover?: string | undefined;
  readonly pingIntervalMs?: number | undefined;
  readonly features?: readonly string[] | undefined;
  /** To a join with `attest`: the relay's word for its certificate (attestation.ts). Left out: it has none, or is older. */
  readonly attestation?: string | undefined;
  readonly ref?: Ref;
};

/** A page of the members of a topic, by rising handles. */
type V1Members = {
  readonly type: "members";
  readonly topic: string;
  readonly members: readonly MemberEntry[];
  readonly more: boolean;
  readonly ref?: Ref;
};

/** What waits at the relay of that which this connection has sent: to a topic, or to one member of it. */
type V1Congestion = {
  readonly type: "congested" | "relieved";
  readonly topic: string;
  /** The addressee; left out: the topic as a whole. */
  readonly to?: number | undefined;
  /** What is held of this connection in all, and from how much on it is not read. */
  readonly heldBytes: number;
  readonly holdLimitBytes: number;
};

/** A message was refused. The connection and its topics stay, but where `requestId` says that a close follows. */
type V1Error = {
  readonly type: "error";
  /** One of `errorSentences`; from a relay that is newer than the client perhaps another. */
  readonly code: string;
  /** A sentence for people. */
  readonly payload: string;
  /** Why a token does not do. */
  readonly reason?: string | undefined;
  /** What the operator finds the connection by in the log. */
  readonly requestId?: string | undefined;
  /** With `omitted`: whose messages, how many, and the bytes of their payloads as they were sent. */
  readonly topic?: string | undefined;
  readonly peerHandle?: number | undefined;
  readonly sizeBytes?: number | undefined;
  readonly count?: number | undefined;
  /** A close with 1013 follows, which some clients see as 1006: after what time to dial again. */
  readonly retryAfterMs?: number | undefined;
  readonly ref?: Ref;
};

/**
 * What the relay says to a client of `postern.v1`, as JSON text. Fields without a value are left out.
 * @see docs/protocol.md#v1-messages
 */
export type V1RelayMessage =
  | V1Joined
  | V1Members
  | (OfMember & Shown & { readonly type: "peer-joined" })
  /** With the own handle, and the `ref`, it is the answer to a leave. */
  | (OfMember & { readonly type: "peer-left"; readonly ref?: Ref })
  /** Another member shows this of itself from now on. */
  | (OfMember & { readonly type: "presence"; readonly presence: string })
  /** @property to the own handle, where it was sent to this member alone. */
  | (OfMember & { readonly type: "data"; readonly to?: number | undefined; readonly data: string })
  | (OfMember & { readonly type: SignalType; readonly to: number; readonly payload: string })
  /** The answer to `auth`. @property expiresAtMs since the epoch; left out where the grant has no end. */
  | { readonly type: "authorized"; readonly expiresAtMs?: number | undefined; readonly ref?: Ref }
  /** The answer to a ping, with its pad. */
  | { readonly type: "pong"; readonly pad?: string | undefined; readonly ref?: Ref }
  | V1Error
  /** Hold back; or, go on. `congested` is said again while the connection is not read. */
  | V1Congestion
  /**
   * The relay closes this connection with 1012 in `closesInMs`, and goes on until then. Come back after a random time
   * within `reconnectWithinMs` after that. @property closesInMs left out: now.
   */
  | { readonly type: "restarting"; readonly reconnectWithinMs: number; readonly closesInMs?: number | undefined };

const congestion = { topic: isTopic, to: optional(isHandle), heldBytes: isCount, holdLimitBytes: isCount };
const signal = { topic: isTopic, peerId: isPeerId, peerHandle: isHandle, to: isHandle, payload: isSignalPayload };

/** A new message, or a new field, is a line here and one in the type above. */
const messages: MessageTable<V1RelayMessage> = {
  joined: {
    topic: isTopic,
    topicHandle: isHandle,
    peerId: isPeerId,
    peerHandle: isHandle,
    members: areMembers,
    limits: areLimits,
    memberCount: optional(isCount),
    more: optional(isFlag),
    takeover: optional(isSecret),
    pingIntervalMs: optional(isCount),
    features: optional(areWords),
    attestation: optional(isAttestation),
    ref: optional(isRef),
  },
  members: { topic: isTopic, members: areMembers, more: isFlag, ref: optional(isRef) },
  "peer-joined": { topic: isTopic, peerId: isPeerId, peerHandle: isHandle, presence: optional(isPresence) },
  "peer-left": { topic: isTopic, peerId: isPeerId, peerHandle: isHandle, ref: optional(isRef) },
  presence: { topic: isTopic, peerId: isPeerId, peerHandle: isHandle, presence: isPresence },
  data: { topic: isTopic, peerId: isPeerId, peerHandle: isHandle, to: optional(isHandle), data: isData },
  offer: signal,
  answer: signal,
  candidate: signal,
  authorized: { expiresAtMs: optional(isCount), ref: optional(isRef) },
  pong: { pad: optional(isPad), ref: optional(isRef) },
  error: {
    code: isWord,
    payload: isSentence,
    reason: optional(isWord),
    requestId: optional(isWord),
    topic: optional(isTopic),
    peerHandle: optional(isHandle),
    sizeBytes: optional(isCount),
    count: optional(isCount),
    retryAfterMs: optional(isCount),
    ref: optional(isRef),
  },
  congested: congestion,
  relieved: congestion,
  restarting: { reconnectWithinMs: isCount, closesInMs: optional(isCount) },
};

/** Reads one text frame of the relay. Never throws. The largest message that is read is for the caller to bound. */
export function decodeV1RelayMessage(text: string): V1RelayMessage | Unreadable {
  return readMessage(messages, text);
}

/** Writes a message to a v1 client. */
export function encodeV1RelayMessage(message: V1RelayMessage): string {
  return writeMessage(messages, message);
}

/** What an `error` says besides its code. */
type ErrorDetails = Omit<V1Error, "type" | "code" | "payload" | "ref">;

/** Writes an `error`: the stable code and its sentence. */
export function encodeV1Error(code: ErrorCode, ref: Ref, details: ErrorDetails = {}): string {
  return encodeV1RelayMessage({ type: "error", code, payload: errorSentences[code], ...details, ref });
}

/** The member that a message comes from. */
type Sender = MemberName & { readonly topicName: string };

/**
 * What every `data` from a member begins with, up to and with the quote that opens the payload; after the payload comes
 * `"}`. @param to the own handle, when it was sent to this member alone.
 */
export function v1DataStart({ topicName, peerId, peerHandle }: Sender, to?: number): string {
  const addressee = to === undefined ? "" : `"to":${to},`;
  const topic = JSON.stringify(topicName);
  return `{"type":"data","topic":${topic},"peerId":${JSON.stringify(peerId)},"peerHandle":${peerHandle},${addressee}"data":"`;
}

/**
 * What a signal from a member begins with, up to and with the quote that opens the payload; after the payload comes `"}`.
 * @param to the own handle of the member that gets it.
 */
export function v1SignalStart(type: string, { topicName, peerId, peerHandle }: Sender, to: number): string {
  const topic = JSON.stringify(topicName);
  return `{"type":"${type}","topic":${topic},"peerId":${JSON.stringify(peerId)},"peerHandle":${peerHandle},"to":${to},"payload":"`;
}

function areWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(isWord);
}

function areMembers(value: unknown): value is readonly MemberEntry[] {
  return Array.isArray(value) && value.every(isMember);
}

function isMember(value: unknown): value is MemberEntry {
  return hasFields(value, { peerId: isPeerId, peerHandle: isHandle, presence: optional(isPresence) });
}

function areLimits(value: unknown): value is ConnectionLimits {
  return hasFields(value, {
    maxFrameBytes: isCount,
    maxTopicsPerConnection: isCount,
    maxPayloadBytes: optional(isCount),
  });
}
