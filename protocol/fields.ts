import { MAX_PEER_ID_BYTES, MAX_SIGNAL_BYTES, MAX_TOPIC_BYTES, MAX_UINT32 } from "./limits.ts";

/** A JSON object as it came off the wire: nothing in it is trusted yet. */
export type UntrustedObject = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();

/** Parses text into an object, or undefined for anything that is not one (broken JSON, null, arrays, numbers). */
export function parseObject(text: string): UntrustedObject | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as UntrustedObject) : undefined;
}

/** Whether this is a string of 1..maxBytes bytes of UTF-8 with no lone surrogate (which would not survive encoding). */
function isText(value: unknown, maxBytes: number): value is string {
  if (typeof value !== "string" || value.length === 0 || value.length > maxBytes || !value.isWellFormed()) return false;
  return value.length * 3 <= maxBytes || encoder.encode(value).length <= maxBytes;
}

/** Whether this may name a topic. */
export function isTopic(value: unknown): value is string {
  return isText(value, MAX_TOPIC_BYTES);
}

/** Whether this may name a peer. */
export function isPeerId(value: unknown): value is string {
  return isText(value, MAX_PEER_ID_BYTES);
}

/** Whether this may be the payload of a signal. */
export function isSignalPayload(value: unknown): value is string {
  return isText(value, MAX_SIGNAL_BYTES);
}

/** Whether this is data: a string of at least one character. The frame limit is its upper bound. */
export function isData(value: unknown): value is string {
  return typeof value === "string" && value.length > 0;
}

/** Whether this is a member's handle: 1..2^32-1. */
export function isPeerHandle(value: unknown): value is number {
  return isRef(value) && value > 0;
}

/** Whether this is a client's own reference to one of its messages: 0..2^32-1. */
export function isRef(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_UINT32;
}
