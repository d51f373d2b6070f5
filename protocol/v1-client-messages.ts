import type { ErrorCode } from "./error-codes.ts";
import {
  isCount,
  isData,
  isFlag,
  isHandle,
  isHandleList,
  isPad,
  isPeerId,
  isPresence,
  isRef,
  isSecret,
  isSignalPayload,
  isTopic,
  mayBeOfLength,
  optional,
} from "./fields.ts";
import { parseObject, type UntrustedObject } from "./json-message.ts";
import {
  decodeV1MailboxMessage,
  encodeV1MailboxMessage,
  isMailboxType,
  type V1MailboxMessage,
} from "./v1-mailbox-messages.ts";

/** The three signals that two peers exchange to find a direct path. The relay does not look into them. */
export type SignalType = "offer" | "answer" | "candidate";

/** How a member wants its `data`: as JSON text with base64, or as binary frames (v1-binary.ts). */
type DataEncoding = "json" | "binary";

/** The client's own number for a message: 0..2^32-1. The answer to it, or its error, repeats it. */
type Ref = number | undefined;

/**
 * What a client of `postern.v1` says to the relay, as JSON text. Fields without a value are left out.
 * @see docs/protocol.md#v1-messages
 */
export type V1ClientMessage =
  | {
      readonly type: "join";
      readonly topic: string;
      /** Left out: the relay makes one. */
      readonly peerId?: string | undefined;
      /** Left out: `json`. */
      readonly encoding?: DataEncoding | undefined;
      /** The `takeover` of an earlier `joined`: that membership ends at once, whatever its name. */
      readonly takeover?: string | undefined;
      /** The largest payload that this member's library takes; left out: any. */
      readonly maxPayloadBytes?: number | undefined;
      /** At most so many of the others, chosen at random; left out: all, page by page. */
      readonly maxMembers?: number | undefined;
      /** What the others see of this member: a text of its own choice. Left out: nothing; in a repeated join, as before. */
      readonly presence?: string | undefined;
      /** Whether `joined` is to have the relay's `attestation`; left out: not. */
      readonly attest?: boolean | undefined;
      readonly ref?: Ref;
    }
  /** Asks for the members behind this handle. */
  | { readonly type: "members"; readonly topic: string; readonly after: number; readonly ref?: Ref }
  | { readonly type: "auth"; readonly token: string; readonly ref?: Ref }
  /** Asks whether the relay is there. @property pad comes back with the answer: it shows whether large messages get through. */
  | { readonly type: "ping"; readonly pad?: string | undefined; readonly ref?: Ref }
  /** Changes what the others see of this member. */
  | { readonly type: "presence"; readonly topic: string; readonly presence: string; readonly ref?: Ref }
  | { readonly type: "leave"; readonly topic: string; readonly ref?: Ref }
  | {
      readonly type: "data";
      readonly topic: string;
      /** The handle of the one member that it is for, or of up to 64; left out: all. */
      readonly to?: number | readonly number[] | undefined;
      readonly data: string;
      readonly ref?: Ref;
    }
  | {
      readonly type: SignalType;
      readonly topic: string;
      readonly to: number;
      readonly payload: string;
      readonly ref?: Ref;
    }
  | V1MailboxMessage;

/** A message that cannot be taken: answered by `error` with this code. */
export type V1Refused = { readonly type: "invalid"; readonly ref: Ref; readonly code: ErrorCode };

/** Writes a message to the relay. It does not look whether the relay will take it: the checks in fields.ts tell. */
export function encodeV1ClientMessage(message: V1ClientMessage): string {
  const { type, ref } = message;
  switch (message.type) {
    case "join": {
      const { topic, peerId, encoding, takeover, maxPayloadBytes, maxMembers, presence, attest } = message;
      const written = { type, topic, peerId, encoding, takeover, maxPayloadBytes, maxMembers, presence, attest, ref };
      return JSON.stringify(written);
    }
    case "members":
      return JSON.stringify({ type, topic: message.topic, after: message.after, ref });
    case "presence":
      return JSON.stringify({ type, topic: message.topic, presence: message.presence, ref });
    case "auth":
      return JSON.stringify({ type, token: message.token, ref });
    case "ping":
      return JSON.stringify({ type, pad: message.pad, ref });
    case "leave":
      return JSON.stringify({ type, topic: message.topic, ref });
    case "data":
      return JSON.stringify({ type, topic: message.topic, to: message.to, data: message.data, ref });
    case "offer":
    case "answer":
    case "candidate":
      return JSON.stringify({ type, topic: message.topic, to: message.to, payload: message.payload, ref });
    default:
      return encodeV1MailboxMessage(message);
  }
}

/**
 * Reads one text frame of a v1 client. Never throws.
 * @param text whose structure is within bounds (json-structure.ts): parsing costs by that.
 */
export function decodeV1ClientMessage(text: string): V1ClientMessage | V1Refused {
  const object = parseObject(text);
  if (object === undefined) return refused(undefined, "bad-message");
  const ref = object["ref"];
  if (ref !== undefined && !isRef(ref)) return refused(undefined, "ref-invalid");
  if (!mayBeOfLength(object["type"], text)) return refused(ref, "bad-message");
  switch (object["type"]) {
    case "join":
      return decodeJoin(object, ref);
    case "leave":
      return isTopic(object["topic"]) ? { type: "leave", ref, topic: object["topic"] } : refused(ref, "topic-invalid");
    case "members":
      return decodeMembers(object, ref);
    case "presence":
      return decodePresence(object, ref);
    case "data":
      return decodeData(object, ref);
    case "auth":
      // What is no string is no token: whoever checks it says so.
      return { type: "auth", ref, token: typeof object["token"] === "string" ? object["token"] : "" };
    case "ping":
      return decodePing(object, ref);
    case "offer":
    case "answer":
    case "candidate":
      return decodeSignal(object["type"], object, ref);
    default: {
      if (!isMailboxType(object["type"])) return refused(ref, "bad-message");
      const message = decodeV1MailboxMessage(object["type"], object, ref);
      return typeof message === "string" ? refused(ref, message) : message;
    }
  }
}

function decodeJoin(object: UntrustedObject, ref: Ref): V1ClientMessage | V1Refused {
  const { topic, peerId, encoding = "json", takeover, maxPayloadBytes, maxMembers, presence, attest } = object;
  if (topic === undefined || topic === "") return refused(ref, "topic-required");
  if (!isTopic(topic)) return refused(ref, "topic-invalid");
  if (peerId !== undefined && !isPeerId(peerId)) return refused(ref, "peer-id-invalid");
  if (encoding !== "json" && encoding !== "binary") return refused(ref, "encoding-invalid");
  if (!optional(isSecret)(takeover) || !optional(isPresence)(presence)) return refused(ref, "bad-message");
  if (!optional(isCount)(maxPayloadBytes) || !optional(isCount)(maxMembers)) return refused(ref, "bad-message");
  if (!optional(isFlag)(attest)) return refused(ref, "bad-message");
  return { type: "join", ref, topic, peerId, encoding, takeover, maxPayloadBytes, maxMembers, presence, attest };
}

function decodeMembers({ topic, after }: UntrustedObject, ref: Ref): V1ClientMessage | V1Refused {
  if (!isTopic(topic)) return refused(ref, "topic-invalid");
  if (!isRef(after)) return refused(ref, "bad-message");
  return { type: "members", ref, topic, after };
}

function decodePresence({ topic, presence }: UntrustedObject, ref: Ref): V1ClientMessage | V1Refused {
  if (!isTopic(topic)) return refused(ref, "topic-invalid");
  return isPresence(presence) ? { type: "presence", ref, topic, presence } : refused(ref, "bad-message");
}

function decodePing({ pad }: UntrustedObject, ref: Ref): V1ClientMessage | V1Refused {
  return optional(isPad)(pad) ? { type: "ping", ref, pad } : refused(ref, "bad-message");
}

function decodeData({ topic, to, data }: UntrustedObject, ref: Ref): V1ClientMessage | V1Refused {
  if (!isTopic(topic)) return refused(ref, "topic-invalid");
  if (to !== undefined && !isHandle(to) && !isHandleList(to)) return refused(ref, "to-invalid");
  if (!isData(data)) return refused(ref, "data-required");
  return { type: "data", ref, topic, to, data };
}

function decodeSignal(
  type: SignalType,
  { topic, to, payload }: UntrustedObject,
  ref: Ref,
): V1ClientMessage | V1Refused {
  if (!isTopic(topic)) return refused(ref, "topic-invalid");
  if (!isHandle(to)) return refused(ref, "to-invalid");
  if (!isSignalPayload(payload)) return refused(ref, "payload-invalid");
  return { type, ref, topic, to, payload };
}

function refused(ref: Ref, code: ErrorCode): V1Refused {
  return { type: "invalid", ref, code };
}
