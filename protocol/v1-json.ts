import { type ErrorCode, errorSentences } from "./error-codes.ts";
import {
  isData,
  isPeerHandle,
  isPeerId,
  isRef,
  isSignalPayload,
  isTopic,
  parseObject,
  type UntrustedObject,
} from "./fields.ts";

/**
 * The messages of the `postern.v1` subprotocol as JSON text.
 * @see docs/protocol.md#v1-messages
 */

/** The three signals that two peers exchange to find a direct path. The relay does not look into them. */
export type SignalType = "offer" | "answer" | "candidate";

/** The member that a message comes from. */
type Sender = { readonly topicName: string; readonly peerId: string; readonly peerHandle: number };

/** `ref` is the client's own number for a message; `joined`, the closing `peer-left` and `error` repeat it. */
type Ref = number | undefined;

/** What a v1 client asks for, each field checked; or why it cannot be taken. */
export type V1Message =
  | {
      readonly type: "join";
      readonly ref: Ref;
      readonly topic: string;
      readonly peerId: string | undefined;
      readonly encoding: DataEncoding;
    }
  | { readonly type: "leave"; readonly ref: Ref; readonly topic: string }
  | { readonly type: "auth"; readonly ref: Ref; readonly token: string }
  | {
      readonly type: "data";
      readonly ref: Ref;
      readonly topic: string;
      readonly to: number | undefined;
      readonly data: string;
    }
  | {
      readonly type: SignalType;
      readonly ref: Ref;
      readonly topic: string;
      readonly to: number;
      readonly payload: string;
    }
  | V1Invalid;

/** A message that cannot be taken: answered by `error` with this code. */
type V1Invalid = { readonly type: "invalid"; readonly ref: Ref; readonly code: ErrorCode };

/** How a member wants its `data`: as JSON text with base64, or as binary frames (v1-binary.ts). */
type DataEncoding = "json" | "binary";

/** One member of a topic as v1 clients see it: the name is claimed, the handle is the relay's and unique in the topic. */
export type MemberName = { readonly peerId: string; readonly peerHandle: number };

/** What the relay allows this connection; sent with `joined`. */
export type ConnectionLimits = { readonly maxFrameBytes: number; readonly maxTopicsPerConnection: number };

/** Decodes one text frame of a v1 client. Never throws. */
export function decodeV1Message(text: string): V1Message {
  const object = parseObject(text);
  if (object === undefined) return { type: "invalid", ref: undefined, code: "bad-message" };
  const ref = object["ref"];
  if (ref !== undefined && !isRef(ref)) return { type: "invalid", ref: undefined, code: "ref-invalid" };
  switch (object["type"]) {
    case "join":
      return decodeJoin(object, ref);
    case "leave":
      return isTopic(object["topic"]) ? { type: "leave", ref, topic: object["topic"] } : invalid(ref, "topic-invalid");
    case "data":
      return decodeData(object, ref);
    case "auth":
      // What is no string is no token: whoever checks it says so.
      return { type: "auth", ref, token: typeof object["token"] === "string" ? object["token"] : "" };
    case "offer":
    case "answer":
    case "candidate":
      return decodeSignal(object["type"], object, ref);
    default:
      return invalid(ref, "bad-message");
  }
}

function decodeJoin({ topic, peerId, encoding = "json" }: UntrustedObject, ref: Ref): V1Message {
  if (topic === undefined || topic === "") return invalid(ref, "topic-required");
  if (!isTopic(topic)) return invalid(ref, "topic-invalid");
  if (peerId !== undefined && !isPeerId(peerId)) return invalid(ref, "peer-id-invalid");
  if (encoding !== "json" && encoding !== "binary") return invalid(ref, "encoding-invalid");
  return { type: "join", ref, topic, peerId, encoding };
}

function decodeData({ topic, to, data }: UntrustedObject, ref: Ref): V1Message {
  if (!isTopic(topic)) return invalid(ref, "topic-invalid");
  if (to !== undefined && !isPeerHandle(to)) return invalid(ref, "to-invalid");
  if (!isData(data)) return invalid(ref, "data-required");
  return { type: "data", ref, topic, to, data };
}

function decodeSignal(type: SignalType, { topic, to, payload }: UntrustedObject, ref: Ref): V1Message {
  if (!isTopic(topic)) return invalid(ref, "topic-invalid");
  if (!isPeerHandle(to)) return invalid(ref, "to-invalid");
  if (!isSignalPayload(payload)) return invalid(ref, "payload-invalid");
  return { type, ref, topic, to, payload };
}

function invalid(ref: Ref, code: ErrorCode): V1Invalid {
  return { type: "invalid", ref, code };
}

/** `joined`: the answer to a join, with the own name first, the members who were there before in join order, and the limits. */
export function encodeV1Joined(
  { topic, topicHandle }: { readonly topic: string; readonly topicHandle: number },
  own: MemberName,
  members: readonly MemberName[],
  limits: ConnectionLimits,
  ref: Ref,
): string {
  return JSON.stringify({ type: "joined", topic, topicHandle, ...own, members, limits, ref });
}

/** `peer-joined`, or `peer-left`; the latter with the own handle (and the ref) is the answer to a leave. */
export function encodeV1Presence(
  type: "peer-joined" | "peer-left",
  topic: string,
  member: MemberName,
  ref?: Ref,
): string {
  return JSON.stringify({ type, topic, ...member, ref });
}

/**
 * What every `data` from a member begins with, up to and with the quote that opens the payload; after the payload comes
 * `"}`. @param to the own handle, when it was sent to this member alone.
 */
export function v1DataStart({ topicName, peerId, peerHandle }: Sender, to?: number): string {
  const addressee = to === undefined ? "" : `"to":${to},`;
  const topic = JSON.stringify(topicName);
  return `{"type":"data","topic":${topic},"peerId":${JSON.stringify(peerId)},"peerHandle":${peerHandle},${addressee}"data":"`;
}

/** What a client's `data` for all members of a topic begins with in the shape of docs/protocol.md's examples. */
export function v1ClientDataStart(topic: string): string {
  return `{"type":"data","topic":${JSON.stringify(topic)},"data":"`;
}

/**
 * What a signal from a member begins with, up to and with the quote that opens the payload; after the payload comes `"}`.
 * @param to the own handle of the member that gets it.
 */
export function v1SignalStart(type: string, { topicName, peerId, peerHandle }: Sender, to: number): string {
  const topic = JSON.stringify(topicName);
  return `{"type":"${type}","topic":${topic},"peerId":${JSON.stringify(peerId)},"peerHandle":${peerHandle},"to":${to},"payload":"`;
}

/** What an `error` says besides its code: why a token does not do; and, where a close follows, what the log knows it by. */
type ErrorDetails = { readonly reason?: string; readonly requestId?: string };

/** `error`: the stable code and its sentence. The connection and its topics stay, but where `requestId` says that a close follows. */
export function encodeV1Error(code: ErrorCode, ref: Ref, { reason, requestId }: ErrorDetails = {}): string {
  return JSON.stringify({ type: "error", code, payload: errorSentences[code], reason, requestId, ref });
}

/** `authorized`: the answer to `auth`. @param expiresAtMs milliseconds since the epoch; undefined where the grant has no end. */
export function encodeV1Authorized(expiresAtMs: number | undefined, ref: Ref): string {
  return JSON.stringify({ type: "authorized", expiresAtMs, ref });
}

/** `restarting`: the relay is about to close this connection with 1012. Reconnect after a random delay within this time. */
export function encodeV1Restarting(reconnectWithinMs: number): string {
  return JSON.stringify({ type: "restarting", reconnectWithinMs });
}
