import { classicDataStart, encodeClassicRelayMessage } from "../../../protocol/classic-relay-messages.ts";
import { errorSentences } from "../../../protocol/error-codes.ts";
import { type JsonSurvey, surveyJson } from "../../../protocol/json-structure.ts";
import { encodeDataHeader } from "../../../protocol/v1-binary.ts";
import type { SignalType } from "../../../protocol/v1-client-messages.ts";
import {
  encodeV1Error,
  encodeV1RelayMessage,
  v1DataStart,
  v1SignalStart,
} from "../../../protocol/v1-relay-messages.ts";
import type { Encoding, HubEvent, MemberIdentity } from "../../hub/ports.ts";
import { messageFrame, messageFrameAround } from "../../wire/message-frame.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** What stands behind the payload of every message that has one. */
const TEXT_END = encoder.encode('"}');

type DataEvent = Extract<HubEvent, { type: "data" }>;
type AddressedEvent = Extract<HubEvent, { type: "addressed" }>;

/** Who comes and goes. */
const MEMBERSHIP = ["peer-joined", "peer-left"] as const;
const TAKEN_BY_CLASSIC: ReadonlySet<string> = new Set(MEMBERSHIP);
/**
 * And with it what v1 clients understand: what members show, the signals by which they find a direct path, and that
 * something is missing.
 */
const TAKEN_BY_V1: ReadonlySet<string> = new Set<SignalType | "presence" | "omitted" | (typeof MEMBERSHIP)[number]>([
  ...MEMBERSHIP,
  "presence",
  "offer",
  "answer",
  "candidate",
  "omitted",
]);

/** Writes text as a frame. */
export function textFrame(text: string): Uint8Array {
  return messageFrame("text", encoder.encode(text));
}

/** A client's message that may be parsed: its text, and what of it is delivered if it is `data`. */
export type BoundedText = JsonSurvey & { readonly text: string };

/**
 * Reads a client's message as text. Undefined: parsing it might cost more than its bytes do, it is longer than this, or
 * it is not UTF-8 (a binary frame may hold anything).
 */
export function toBoundedText(
  message: Uint8Array,
  maxBytes: number = Number.POSITIVE_INFINITY,
): BoundedText | undefined {
  const survey = message.length > maxBytes ? undefined : surveyJson(message);
  if (survey === undefined) return undefined;
  try {
    return { text: decoder.decode(message), dataText: survey.dataText };
  } catch {
    return undefined;
  }
}

/** The original's frames: no handles, no topic with `data`, no signals. */
export const classicEncoding: Encoding = {
  isAlikeForAll: () => true,
  takes: (kind) => TAKEN_BY_CLASSIC.has(kind),
  encode(event: HubEvent): Uint8Array {
    switch (event.type) {
      case "peer-joined":
      case "peer-left":
        return textFrame(
          encodeClassicRelayMessage({ type: event.type, peerId: event.member.peerId, topic: event.member.topicName }),
        );
      case "data":
        return messageFrame(
          "text",
          event.from.startFor(classicEncoding, classicStart),
          event.payload.jsonText(),
          TEXT_END,
        );
      case "presence":
      case "addressed":
      case "omitted":
        throw new TypeError("classic clients have no word for this: ask first");
    }
  },
};

/** The frames of `postern.v1` as JSON text. */
export const v1JsonEncoding: Encoding = {
  isAlikeForAll: () => false,
  takes: (kind) => TAKEN_BY_V1.has(kind),
  encode(event: HubEvent): Uint8Array {
    return event.type === "data" ? v1JsonData(event) : v1Text(event);
  },
};

/** The frames of `postern.v1` with data in binary; everything else is JSON text. */
export const v1BinaryEncoding: Encoding = {
  // What has no bytes goes as text, which names its addressee: see encode.
  isAlikeForAll: (payload) => payload.raw() !== null,
  takes: (kind) => TAKEN_BY_V1.has(kind),
  encode(event: HubEvent): Uint8Array {
    if (event.type !== "data") return v1Text(event);
    const raw = event.payload.raw();
    // A JSON sender may write what is no base64; as text it still gets through unchanged.
    if (raw === null) return v1JsonData(event);
    const { topicHandle, peerHandle } = event.from;
    return messageFrameAround(
      "binary",
      encodeDataHeader(topicHandle, peerHandle, { isAddressed: event.to !== undefined }),
      raw,
    );
  },
};

function v1JsonData({ from, to, payload }: DataEvent): Uint8Array {
  const start = to === undefined ? from.startFor(v1JsonEncoding, v1Start) : encoder.encode(v1DataStart(from, to));
  return messageFrame("text", start, payload.jsonText(), TEXT_END);
}

function v1Text(event: Exclude<HubEvent, DataEvent>): Uint8Array {
  switch (event.type) {
    case "addressed":
      return v1Signal(event);
    case "omitted":
      return v1Omitted(event);
    case "peer-joined":
      return textFrame(
        encodeV1RelayMessage({ type: event.type, topic: event.member.topicName, ...entryOf(event.member) }),
      );
    case "peer-left":
      return textFrame(
        encodeV1RelayMessage({ type: event.type, topic: event.member.topicName, ...nameOf(event.member) }),
      );
    case "presence":
      return v1Presence(event.member);
  }
}

/** Who shows nothing any more, as nobody on this node can, shows the empty text. */
function v1Presence(member: MemberIdentity): Uint8Array {
  const { topicName: topic, presence = "" } = member;
  return textFrame(encodeV1RelayMessage({ type: "presence", topic, ...nameOf(member), presence }));
}

function v1Omitted({ from, count, sizeBytes }: Extract<HubEvent, { type: "omitted" }>): Uint8Array {
  const { topicName: topic, peerHandle } = from;
  return textFrame(encodeV1Error("omitted", undefined, { topic, peerHandle, sizeBytes, count }));
}

function v1Signal({ kind, from, to, payload }: AddressedEvent): Uint8Array {
  return messageFrame("text", encoder.encode(v1SignalStart(kind, from, to)), payload.jsonText(), TEXT_END);
}

function classicStart(from: MemberIdentity): Uint8Array {
  return encoder.encode(classicDataStart(from));
}

function v1Start(from: MemberIdentity): Uint8Array {
  return encoder.encode(v1DataStart(from));
}

/** The two fields that name a member on the wire, and nothing else of it. */
export function nameOf({ peerId, peerHandle }: { readonly peerId: string; readonly peerHandle: number }): {
  readonly peerId: string;
  readonly peerHandle: number;
} {
  return { peerId, peerHandle };
}

/** A member as it stands in a list: its name, and what it shows. */
export function entryOf(member: Pick<MemberIdentity, "peerId" | "peerHandle" | "presence">): {
  readonly peerId: string;
  readonly peerHandle: number;
  readonly presence: string | undefined;
} {
  return { ...nameOf(member), presence: member.presence };
}

/** Why a classic client's join cannot be taken. */
type ClassicErrorCode =
  | "topic-required"
  | "topic-invalid"
  | "peer-id-invalid"
  | "unauthorized"
  | "not-permitted"
  | "topic-full";

/** The original's answer to a join that cannot be taken. */
export function classicErrorFrame(code: ClassicErrorCode): Uint8Array {
  return textFrame(encodeClassicRelayMessage({ type: "error", payload: errorSentences[code] }));
}
