import { utf8 } from "../data.ts";
import { type ChunkFrame, encodeChunk } from "../delivery/frame.ts";
import type { AbortReason } from "./peer-stream.ts";

/**
 * What the chunks of a stream begin with: a kind (u8). A stream has one direction under each end's own number: the opener's
 * begins with `open`, the other side's with `accept`. Numbers are big-endian, texts UTF-8.
 *
 * | kind | behind it | meaning |
 * |---|---|---|
 * | 0 data | at least one byte | bytes of the app |
 * | 1 open | label, 1 to 256 bytes | the first chunk of the opener |
 * | 2 accept | u32 | the first chunk of the other side: which stream of the opener it belongs to |
 * | 3 end | | this direction ends here |
 * | 4 abort | u32, text of at most 800 bytes | this direction ends here, and what was not read is not to be read |
 * | 5 stop | as abort | the sender of this wants no more of the other direction |
 * | 6 open | key of 32 bytes, label | as 1, to a peer with an identity: the stream gets a key of its own |
 * | 7 accept | u32, key of 32 bytes | as 2, for such a stream |
 * | 8 self-sealed | | the app of the sender seals its bytes itself, and so may the other side |
 *
 * Once both have said 8, their data goes bound, and not encrypted again. Who does not know it goes on as before.
 */
const kinds = ["data", "open", "accept", "end", "abort", "stop", "open", "accept", "self-sealed"] as const;
const KEYED_OPEN = 6;
const KEYED_ACCEPT = 7;
const KEY_BYTES = 32;

/** The longest label, in bytes. */
const MAX_LABEL_BYTES = 256;
const MAX_REASON_CHARACTERS = 200;
/** A character has at most four bytes. */
const MAX_REASON_BYTES = 4 * MAX_REASON_CHARACTERS;

/** A reason, complete. */
type Reason = { readonly reasonCode: number; readonly reason: string };

/** A chunk as it was read. */
export type StreamChunk =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "open"; readonly label: string; readonly key: Uint8Array | undefined }
  | { readonly kind: "accept"; readonly stream: number; readonly key: Uint8Array | undefined }
  | { readonly kind: "end" }
  | { readonly kind: "self-sealed" }
  | ({ readonly kind: "abort" } & Reason)
  | ({ readonly kind: "stop" } & Reason)
  | { readonly kind: "unreadable" }
  | { readonly kind: "unknown-kind" };

/** Writes bytes of the app: at least one. They are copied. @param how `isBound`: it has sealed them itself, and so has the other side */
export function dataChunk(stream: number, bytes: Uint8Array, how: Pick<ChunkFrame, "isBound">): Uint8Array {
  return encodeChunk(stream, bytes, 0, how);
}

/** Writes the first chunk of an opener. @param key its half of the stream's key. @returns undefined where the label is none. */
export function openChunk(stream: number, label: string, key: Uint8Array | undefined): Uint8Array | undefined {
  const bytes = utf8(label);
  const isLabel = label.isWellFormed() && bytes.byteLength > 0 && bytes.byteLength <= MAX_LABEL_BYTES;
  if (!isLabel) return undefined;
  return key === undefined ? encodeChunk(stream, bytes, 1) : encodeChunk(stream, joined(key, bytes), KEYED_OPEN);
}

/** Writes the first chunk of the other side. @param key its half of the stream's key. */
export function acceptChunk(stream: number, accepted: number, key: Uint8Array | undefined): Uint8Array {
  const number = u32(accepted);
  return key === undefined ? encodeChunk(stream, number, 2) : encodeChunk(stream, joined(number, key), KEYED_ACCEPT);
}

/** Writes that this end's app seals its bytes itself. */
export function selfSealedChunk(stream: number): Uint8Array {
  return encodeChunk(stream, new Uint8Array(), 8);
}

/** Writes the end of a direction. */
export function endChunk(stream: number): Uint8Array {
  return encodeChunk(stream, new Uint8Array(), 3);
}

/** Writes why a direction is over before its end, or should be. */
export function reasonChunk(stream: number, kind: "abort" | "stop", reason: AbortReason): Uint8Array {
  const { reasonCode, reason: text } = wellFormed(reason);
  return encodeChunk(stream, joined(u32(reasonCode), utf8(text)), kinds.indexOf(kind));
}

/** A reason as it is told: a number that is none is 0, and a text is cut off. */
export function wellFormed({ reasonCode = 0, reason = "" }: AbortReason): Reason {
  const isNumber = Number.isInteger(reasonCode) && reasonCode >= 0 && reasonCode < 2 ** 32;
  return {
    reasonCode: isNumber ? reasonCode : 0,
    reason: reason.slice(0, MAX_REASON_CHARACTERS).toWellFormed(),
  };
}

/** What anything that an app gives as a reason says: an Error, a text, or a reason. */
export function reasonOf(given: unknown): AbortReason {
  if (typeof given === "string") return { reason: given };
  if (typeof given !== "object" || given === null) return {};
  const { reasonCode, reason, message } = given as { readonly [Name in keyof AbortReason | "message"]?: unknown };
  const text = reason ?? message;
  return {
    reasonCode: typeof reasonCode === "number" ? reasonCode : 0,
    reason: typeof text === "string" ? text : "",
  };
}

/** Reads the content of a chunk: any bytes. Never throws. The bytes of data, which alone may be bound, are a view of it. */
export function decodeStreamChunk({ chunk: content, isBound }: Pick<ChunkFrame, "chunk" | "isBound">): StreamChunk {
  const [kindNumber] = content;
  if (isBound && kindNumber !== 0) return { kind: "unreadable" };
  const kind = kindNumber === undefined ? "unreadable" : (kinds[kindNumber] ?? "unknown-kind");
  const isKeyed = kindNumber === KEYED_OPEN || kindNumber === KEYED_ACCEPT;
  return decodeBody(kind, content.subarray(1), isKeyed ? KEY_BYTES : 0) ?? { kind: "unreadable" };
}

function decodeBody(kind: StreamChunk["kind"], body: Uint8Array, keyBytes: number): StreamChunk | undefined {
  const size = body.byteLength;
  switch (kind) {
    case "data":
      return size > 0 ? { kind, bytes: body } : undefined;
    case "open": {
      const isPossible = size > keyBytes && size <= keyBytes + MAX_LABEL_BYTES;
      const label = isPossible ? textOf(body.subarray(keyBytes)) : undefined;
      return label === undefined ? undefined : { kind, label, key: keyOf(body.subarray(0, keyBytes)) };
    }
    case "accept":
      return size === 4 + keyBytes ? { kind, stream: numberOf(body), key: keyOf(body.subarray(4)) } : undefined;
    case "end":
    case "self-sealed":
      return size === 0 ? { kind } : undefined;
    case "abort":
    case "stop": {
      const text = size >= 4 && size <= 4 + MAX_REASON_BYTES ? textOf(body.subarray(4)) : undefined;
      return text === undefined ? undefined : { kind, ...wellFormed({ reasonCode: numberOf(body), reason: text }) };
    }
    default:
      return { kind };
  }
}

function keyOf(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.byteLength === 0 ? undefined : bytes.slice();
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.byteLength + second.byteLength);
  bytes.set(first);
  bytes.set(second, first.byteLength);
  return bytes;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function numberOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}

/** @returns undefined where it is no UTF-8 (RFC 3629). */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
