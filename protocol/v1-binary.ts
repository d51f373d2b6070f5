import { isHandleList } from "./fields.ts";
import type { Unreadable } from "./json-message.ts";

/**
 * The binary data message of `postern.v1`: these 12 bytes, then the payload as it is.
 *
 * | offset | bytes | type | meaning |
 * |---|---|---|---|
 * | 0 | 1 | u8 | 1: data, version 1 of this layout |
 * | 1 | 1 | u8 | flags; bit 0: addressed (to one member); bit 1, without bit 0, to the relay: to a list. The rest is 0 |
 * | 2 | 2 | u16 big-endian | with a list how many handles, 1 to 64, u32 big-endian each, stand before the payload; else 0 |
 * | 4 | 4 | u32 big-endian | topicHandle, from `joined` |
 * | 8 | 4 | u32 big-endian | peerHandle: to the relay the addressee, or 0 for all; from the relay the sender |
 *
 * Twelve, so that the payload is aligned for typed arrays.
 * @see docs/protocol.md#binary-data
 */
export const DATA_HEADER_BYTES = 12;

const KIND_DATA = 1;
const FLAG_ADDRESSED = 1;
const FLAG_LIST = 2;
const HANDLE_BYTES = 4;

/** A binary data message on its way to the relay. A decoded payload is a view of the frame. */
export type BinaryClientData = {
  readonly topicHandle: number;
  /** The addressee, or 1 to 64 of them; undefined for all members. */
  readonly to: number | readonly number[] | undefined;
  /** At least one byte. */
  readonly payload: Uint8Array;
};

/** A binary data message on its way to a client. A decoded payload is a view of the frame. */
export type BinaryRelayData = {
  readonly type: "binary-data";
  readonly topicHandle: number;
  /** The sender. */
  readonly peerHandle: number;
  /** Whether it was sent to this member alone. */
  readonly isAddressed: boolean;
  /** At least one byte. */
  readonly payload: Uint8Array;
};

/** Writes the 12 bytes before a payload. */
export function encodeDataHeader(
  topicHandle: number,
  peerHandle: number,
  { isAddressed }: { readonly isAddressed: boolean },
): Uint8Array {
  const header = new Uint8Array(DATA_HEADER_BYTES);
  header[0] = KIND_DATA;
  header[1] = isAddressed ? FLAG_ADDRESSED : 0;
  writeUint32(header, 4, topicHandle);
  writeUint32(header, 8, peerHandle);
  return header;
}

/** Writes a client's binary frame. The payload is copied into it. */
export function encodeBinaryClientData({ payload, ...head }: BinaryClientData): Uint8Array<ArrayBuffer> {
  return frameOf(encodeClientDataHeader(head), payload);
}

/** Writes what stands before the payload in a client's binary frame: 12 bytes, and 4 for each member of a list. */
export function encodeClientDataHeader({ topicHandle, to }: Omit<BinaryClientData, "payload">): Uint8Array {
  if (typeof to === "object") return listHeader(topicHandle, to);
  return encodeDataHeader(topicHandle, to ?? 0, { isAddressed: to !== undefined });
}

function listHeader(topicHandle: number, to: readonly number[]): Uint8Array {
  const header = new Uint8Array(DATA_HEADER_BYTES + to.length * HANDLE_BYTES);
  header.set(encodeDataHeader(topicHandle, 0, { isAddressed: false }));
  header[1] = FLAG_LIST;
  header[2] = to.length >>> 8;
  header[3] = to.length;
  for (const [index, handle] of to.entries()) writeUint32(header, DATA_HEADER_BYTES + index * HANDLE_BYTES, handle);
  return header;
}

/** Reads a client's binary frame; undefined where it is not of this layout, or holds no payload. Never throws. */
export function decodeBinaryClientData(frame: Uint8Array): BinaryClientData | undefined {
  if (frame.length <= DATA_HEADER_BYTES || frame[0] !== KIND_DATA) return undefined;
  const peerHandle = readUint32(frame, 8);
  if (frame[1] === FLAG_LIST) return peerHandle === 0 ? decodeList(frame) : undefined;
  const isAddressed = frame[1] === FLAG_ADDRESSED;
  if ((!isAddressed && frame[1] !== 0) || frame[2] !== 0 || frame[3] !== 0) return undefined;
  if (isAddressed !== peerHandle > 0) return undefined;
  return {
    topicHandle: readUint32(frame, 4),
    to: isAddressed ? peerHandle : undefined,
    payload: frame.subarray(DATA_HEADER_BYTES),
  };
}

function decodeList(frame: Uint8Array): BinaryClientData | undefined {
  const count = ((frame[2] ?? 0) << 8) | (frame[3] ?? 0);
  const start = DATA_HEADER_BYTES + count * HANDLE_BYTES;
  if (frame.length <= start) return undefined;
  const to = Array.from({ length: count }, (_, index) => readUint32(frame, DATA_HEADER_BYTES + index * HANDLE_BYTES));
  return isHandleList(to) ? { topicHandle: readUint32(frame, 4), to, payload: frame.subarray(start) } : undefined;
}

/** Writes the relay's binary frame. The payload is copied into it. */
export function encodeBinaryRelayData(data: Omit<BinaryRelayData, "type">): Uint8Array {
  return frameOf(encodeDataHeader(data.topicHandle, data.peerHandle, data), data.payload);
}

/**
 * Reads a binary frame of the relay. Never throws. Another kind, and a flag that this layout does not know, are
 * `unknown`: from a relay that is newer than the client.
 */
export function decodeBinaryRelayData(frame: Uint8Array): BinaryRelayData | Unreadable {
  const [kind, flags = 0, high, low] = frame;
  if (kind === undefined) return { type: "invalid", field: "type" };
  if (kind !== KIND_DATA) return { type: "unknown", name: `binary kind ${kind}` };
  if ((flags & ~FLAG_ADDRESSED) !== 0) return { type: "unknown", name: `binary flags ${flags}` };
  if (frame.length <= DATA_HEADER_BYTES) return { type: "invalid", field: "payload" };
  if (high !== 0 || low !== 0) return { type: "invalid", field: "reserved" };
  const topicHandle = readUint32(frame, 4);
  if (topicHandle === 0) return { type: "invalid", field: "topicHandle" };
  const peerHandle = readUint32(frame, 8);
  if (peerHandle === 0) return { type: "invalid", field: "peerHandle" };
  const payload = frame.subarray(DATA_HEADER_BYTES);
  return { type: "binary-data", topicHandle, peerHandle, isAddressed: flags === FLAG_ADDRESSED, payload };
}

function frameOf(header: Uint8Array, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(header.length + payload.length);
  frame.set(header);
  frame.set(payload, header.length);
  return frame;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  );
}
