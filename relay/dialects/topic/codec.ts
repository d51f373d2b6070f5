import { errorSentences } from "../../../protocol/error-codes.ts";
import { encodeSeedData, encodeSeedError, encodeSeedPresence } from "../../../protocol/seed-json.ts";
import { encodeV1Data, encodeV1Presence, encodeV1Signal } from "../../../protocol/v1-json.ts";
import type { Encoding, HubEvent } from "../../hub/ports.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Writes text as a frame's bytes. */
export function toFrame(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Reads a message as text, or undefined where the bytes are not UTF-8 (a binary frame may hold anything). */
export function toText(message: Uint8Array): string | undefined {
  try {
    return decoder.decode(message);
  } catch {
    return undefined;
  }
}

/** The seed's frames: no handles, no topic with `data`, no signals. */
export const seedEncoding: Encoding = {
  hasSignals: false,
  encode(event: HubEvent): Uint8Array {
    switch (event.type) {
      case "peer-joined":
      case "peer-left":
        return toFrame(encodeSeedPresence(event.type, event.member.peerId, event.member.topicName));
      case "data":
        return toFrame(encodeSeedData(event.from.peerId, event.payload));
      case "offer":
      case "answer":
      case "candidate":
        throw new TypeError("the seed has no signals: ask hasSignals first");
    }
  },
};

/** The frames of `postern.v1` as JSON text. */
export const v1JsonEncoding: Encoding = {
  hasSignals: true,
  encode(event: HubEvent): Uint8Array {
    switch (event.type) {
      case "peer-joined":
      case "peer-left":
        return toFrame(encodeV1Presence(event.type, event.member.topicName, nameOf(event.member)));
      case "data":
        return toFrame(encodeV1Data(event.from.topicName, nameOf(event.from), event.to, event.payload));
      case "offer":
      case "answer":
      case "candidate":
        return toFrame(encodeV1Signal(event.type, event.from.topicName, nameOf(event.from), event.to, event.payload));
    }
  },
};

/** The two fields that name a member on the wire, and nothing else of it. */
export function nameOf({ peerId, peerHandle }: { readonly peerId: string; readonly peerHandle: number }): {
  readonly peerId: string;
  readonly peerHandle: number;
} {
  return { peerId, peerHandle };
}

/** The seed's answer to a join that cannot be taken. */
export function seedErrorFrame(code: "topic-required" | "topic-invalid" | "peer-id-invalid"): Uint8Array {
  return toFrame(encodeSeedError(errorSentences[code]));
}
