import { isData, isPeerId, isTopic, parseObject } from "./fields.ts";

/**
 * The seed's five messages as JSON text: what a client without the `postern.v1` subprotocol speaks.
 * @see docs/protocol.md#seed-messages
 */

/** What a seed client asks for, or why its join cannot be taken. Everything else is ignored: undefined. */
export type SeedMessage =
  | { readonly type: "join"; readonly topic: string; readonly peerId: string | undefined }
  | { readonly type: "join-refused"; readonly code: "topic-required" | "topic-invalid" | "peer-id-invalid" }
  | { readonly type: "data"; readonly data: string };

/** Decodes one frame of a seed client. Never throws; undefined means: ignore it, as the seed does. */
export function decodeSeedMessage(text: string): SeedMessage | undefined {
  const object = parseObject(text);
  if (object === undefined) return undefined;
  if (object["type"] === "join") return decodeJoin(object["topic"], object["peerId"]);
  if (object["type"] === "data" && isData(object["data"])) return { type: "data", data: object["data"] };
  return undefined;
}

function decodeJoin(topic: unknown, peerId: unknown): SeedMessage {
  if (typeof topic !== "string" || topic === "") return { type: "join-refused", code: "topic-required" };
  if (!isTopic(topic)) return { type: "join-refused", code: "topic-invalid" };
  // The seed makes an id for every falsy peerId; clients send null and "" for "none".
  if (peerId === undefined || peerId === null || peerId === "") return { type: "join", topic, peerId: undefined };
  if (!isPeerId(peerId)) return { type: "join-refused", code: "peer-id-invalid" };
  return { type: "join", topic, peerId };
}

/** `peer-joined` or `peer-left`, key order as the seed's: some clients search the text. */
export function encodeSeedPresence(type: "peer-joined" | "peer-left", peerId: string, topic: string): string {
  return JSON.stringify({ type, peerId, topic });
}

/**
 * What every `data` from a peer begins with, up to and with the quote that opens the payload; after the payload comes
 * `"}`. The seed names no topic here: its clients are in one topic.
 */
export function seedDataStart({ peerId }: { readonly peerId: string }): string {
  return `{"type":"data","peerId":${JSON.stringify(peerId)},"data":"`;
}

/** What a client's `data` begins with in the shape that all known clients write. */
export const SEED_CLIENT_DATA_START = '{"type":"data","data":"';

/** `error`. Send it only for a join that failed: seed clients close the socket on any error. */
export function encodeSeedError(payload: string): string {
  return JSON.stringify({ type: "error", payload });
}
