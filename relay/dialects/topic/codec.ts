import { classicDataStart, encodeClassicError, encodeClassicPresence } from "../../../protocol/classic-json.ts";
import { errorSentences } from "../../../protocol/error-codes.ts";
import { encodeDataHeader } from "../../../protocol/v1-binary.ts";
import { encodeV1Presence, encodeV1Signal, v1DataStart } from "../../../protocol/v1-json.ts";
import type { Encoding, HubEvent, MemberIdentity } from "../../hub/ports.ts";
import { messageFrame, messageFrameAround } from "../../wire/message-frame.ts";
import type { TopicPayload } from "./payload.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const DATA_END = encoder.encode('"}');

/** An event of this dialect's topics. */
type TopicEvent = HubEvent<TopicPayload>;
type DataEvent = Extract<TopicEvent, { type: "data" }>;

/** One of this dialect's encodings. */
export type TopicEncoding = Encoding<TopicPayload>;

/** Writes text as a frame. */
export function textFrame(text: string): Uint8Array {
  return messageFrame("text", encoder.encode(text));
}

/** Reads a message as text, or undefined where the bytes are not UTF-8 (a binary frame may hold anything). */
export function toText(message: Uint8Array): string | undefined {
  try {
    return decoder.decode(message);
  } catch {
    return undefined;
  }
}

/** The original's frames: no handles, no topic with `data`, no signals. */
export const classicEncoding: TopicEncoding = {
  hasSignals: false,
  encode(event: TopicEvent): Uint8Array {
    switch (event.type) {
      case "peer-joined":
      case "peer-left":
        return textFrame(encodeClassicPresence(event.type, event.member.peerId, event.member.topicName));
      case "data":
        return messageFrame(
          "text",
          startOf(classicEncoding, event.from, classicDataStart),
          event.payload.jsonText(),
          DATA_END,
        );
      case "offer":
      case "answer":
      case "candidate":
        throw new TypeError("the original has no signals: ask hasSignals first");
    }
  },
};

/** The frames of `postern.v1` as JSON text. */
export const v1JsonEncoding: TopicEncoding = {
  hasSignals: true,
  encode(event: TopicEvent): Uint8Array {
    return event.type === "data" ? v1JsonData(event) : v1Text(event);
  },
};

/** The frames of `postern.v1` with data in binary; everything else is JSON text. */
export const v1BinaryEncoding: TopicEncoding = {
  hasSignals: true,
  encode(event: TopicEvent): Uint8Array {
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
  const start =
    to === undefined
      ? startOf(v1JsonEncoding, from, (member) => v1DataStart(member))
      : encoder.encode(v1DataStart(from, to));
  return messageFrame("text", start, payload.jsonText(), DATA_END);
}

function v1Text(event: Exclude<TopicEvent, DataEvent>): Uint8Array {
  switch (event.type) {
    case "peer-joined":
    case "peer-left":
      return textFrame(encodeV1Presence(event.type, event.member.topicName, nameOf(event.member)));
    case "offer":
    case "answer":
    case "candidate":
      return textFrame(encodeV1Signal(event.type, event.from, event.to, event.payload));
  }
}

/** What all data messages of a member begin with in one encoding, kept with the member from the first one on. */
function startOf(encoding: TopicEncoding, from: MemberIdentity, write: (from: MemberIdentity) => string): Uint8Array {
  let start = from.dataStarts.get(encoding);
  if (start === undefined) {
    start = encoder.encode(write(from));
    from.dataStarts.set(encoding, start);
  }
  return start;
}

/** The two fields that name a member on the wire, and nothing else of it. */
export function nameOf({ peerId, peerHandle }: { readonly peerId: string; readonly peerHandle: number }): {
  readonly peerId: string;
  readonly peerHandle: number;
} {
  return { peerId, peerHandle };
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
  return textFrame(encodeClassicError(errorSentences[code]));
}
