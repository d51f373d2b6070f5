import { isData, isPeerId, isTopic, parseObject } from "./fields.ts";

/**
 * The five classic messages as JSON text: what a client without the `postern.v1` subprotocol speaks.
 * @see docs/protocol.md#classic-messages
 */

/** What a classic client asks for, or why its join cannot be taken. Everything else is ignored: undefined. */
export type ClassicMessage =
  | { readonly type: "join"; readonly topic: string; readonly peerId: string | undefined }
  | { readonly type: "join-refused"; readonly code: "topic-required" | "topic-invalid" | "peer-id-invalid" }
  | { readonly type: "data"; readonly data: string };

/** Decodes one frame of a classic client. Never throws; undefined means: ignore it, as the original does. */
export function decodeClassicMessage(text: string): ClassicMessage | undefined {
  const object = parseObject(text);
  if (object === undefined) return undefined;
  if (object["type"] === "join") return decodeJoin(object["topic"], object["peerId"]);
  if (object["type"] === "data" && isData(object["data"])) return { type: "data", data: object["data"] };
  return undefined;
}

function decodeJoin(topic: unknown, peerId: unknown): ClassicMessage {
  if (typeof topic !== "string" || topic === "") return { type: "join-refused", code: "topic-required" };
  if (!isTopic(topic)) return { type: "join-refused", code: "topic-invalid" };
  // The original makes an id for every falsy peerId; clients send null and "" for "none".
  if (peerId === undefined || peerId === null || peerId === "") return { type: "join", topic, peerId: undefined };
  if (!isPeerId(peerId)) return { type: "join-refused", code: "peer-id-invalid" };
  return { type: "join", topic, peerId };
}

/** `peer-joined` or `peer-left`, key order as the original's: some clients search the text. */
export function encodeClassicPresence(type: "peer-joined" | "peer-left", peerId: string, topic: string): string {
  return JSON.stringify({ type, peerId, topic });
}

/**
 * What every `data` from a peer begins with, up to and with the quote that opens the payload; after the payload comes
 * `"}`. The original names no topic here: its clients are in one topic.
 */
export function classicDataStart({ peerId }: { readonly peerId: string }): string {
  return `{"type":"data","peerId":${JSON.stringify(peerId)},"data":"`;
}

/** What a client's `data` begins with in the shape that all known clients write. */
export const CLASSIC_CLIENT_DATA_START = '{"type":"data","data":"';

/** `error`. Send it only for a join that failed: classic clients close the socket on any error. */
export function encodeClassicError(payload: string): string {
  return JSON.stringify({ type: "error", payload });
}
