import { isData, isPeerId, isTopic, mayBeOfLength } from "./fields.ts";
import { parseObject } from "./json-message.ts";

/**
 * What a client without the `postern.v1` subprotocol says to the relay, as JSON text.
 * @see docs/protocol.md#classic-messages
 */
export type ClassicClientMessage =
  /** @property peerId left out: the relay makes one. */
  | { readonly type: "join"; readonly topic: string; readonly peerId?: string | undefined }
  | { readonly type: "data"; readonly data: string };

/** A join that cannot be taken. */
export type ClassicJoinRefused = {
  readonly type: "join-refused";
  readonly code: "topic-required" | "topic-invalid" | "peer-id-invalid";
};

/** What a client's `data` begins with in the shape that all known clients write. */
export const CLASSIC_CLIENT_DATA_START = '{"type":"data","data":"';

/** Writes a message to the relay. It does not look whether the relay will take it: isTopic, isPeerId and isData tell. */
export function encodeClassicClientMessage(message: ClassicClientMessage): string {
  if (message.type === "data") return JSON.stringify({ type: message.type, data: message.data });
  const { type, topic, peerId } = message;
  return JSON.stringify({ type, topic, peerId });
}

/**
 * Reads one frame of a classic client. Never throws; undefined means: ignore it, as the original does.
 * @param text whose structure is within bounds (json-structure.ts): parsing costs by that.
 */
export function decodeClassicClientMessage(text: string): ClassicClientMessage | ClassicJoinRefused | undefined {
  const object = parseObject(text);
  if (object === undefined || !mayBeOfLength(object["type"], text)) return undefined;
  if (object["type"] === "join") return decodeJoin(object["topic"], object["peerId"]);
  if (object["type"] === "data" && isData(object["data"])) return { type: "data", data: object["data"] };
  return undefined;
}

function decodeJoin(topic: unknown, peerId: unknown): ClassicClientMessage | ClassicJoinRefused {
  if (typeof topic !== "string" || topic === "") return { type: "join-refused", code: "topic-required" };
  if (!isTopic(topic)) return { type: "join-refused", code: "topic-invalid" };
  // The original makes an id for every falsy peerId; clients send null and "" for "none".
  if (peerId === undefined || peerId === null || peerId === "") return { type: "join", topic, peerId: undefined };
  if (!isPeerId(peerId)) return { type: "join-refused", code: "peer-id-invalid" };
  return { type: "join", topic, peerId };
}
