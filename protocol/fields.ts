import {
  MAX_ADDRESSEES,
  MAX_ATTESTATION_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_BYTES_OF,
  MAX_PAD_BYTES,
  MAX_PEER_ID_BYTES,
  MAX_PRESENCE_BYTES,
  MAX_SENTENCE_BYTES,
  MAX_SIGNAL_BYTES,
  MAX_TOPIC_BYTES,
  MAX_UINT32,
  MAX_WORD_BYTES,
} from "./limits.ts";

const encoder = new TextEncoder();

/** Whether this is a string of 1..maxBytes bytes of UTF-8 with no lone surrogate (which would not survive encoding). */
function isText(value: unknown, maxBytes: number): value is string {
  return typeof value === "string" && value.length > 0 && isWithin(value, maxBytes) && value.isWellFormed();
}

/** Whether a text is at most so many bytes of UTF-8; a long one is not looked through. */
function isWithin(text: string, maxBytes: number): boolean {
  if (text.length > maxBytes) return false;
  return text.length * 3 <= maxBytes || encoder.encode(text).length <= maxBytes;
}

/** Whether a client's message of this type may be as long as this text. */
export function mayBeOfLength(type: unknown, text: string): boolean {
  if (isWithin(text, MAX_MESSAGE_BYTES)) return true;
  if (typeof type !== "string" || !Object.hasOwn(MAX_MESSAGE_BYTES_OF, type)) return false;
  return isWithin(text, MAX_MESSAGE_BYTES_OF[type] ?? 0);
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

/** Whether this may fill up a ping: 0..32,768 bytes of UTF-8. */
export function isPad(value: unknown): value is string {
  return value === "" || isText(value, MAX_PAD_BYTES);
}

/** Whether this may be what a member shows of itself: 0..1024 bytes of UTF-8. */
export function isPresence(value: unknown): value is string {
  return value === "" || isText(value, MAX_PRESENCE_BYTES);
}

/** Whether this is data: a string of at least one character. The frame limit is its upper bound. */
export function isData(value: unknown): value is string {
  return typeof value === "string" && value.length > 0;
}

/** Whether this is the handle of a member or of a topic: 1..2^32-1. */
export function isHandle(value: unknown): value is number {
  return isRef(value) && value > 0;
}

/** Whether these are 1 to 64 handles. */
export function isHandleList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_ADDRESSEES && value.every(isHandle);
}

/** Whether this is a client's own reference to one of its messages: 0..2^32-1. */
export function isRef(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_UINT32;
}

/** Whether this is a whole number from 0 to 2^53-1: a time, a duration or a count. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Whether this is a word for programs, such as the code of an error: 1..128 bytes. */
export function isWord(value: unknown): value is string {
  return isText(value, MAX_WORD_BYTES);
}

/** Whether this may be a secret that the relay gave, such as `takeover`: 1..128 bytes. */
export function isSecret(value: unknown): value is string {
  return isWord(value);
}

/** Whether this may be an attestation (attestation.ts), as text: 1..512 bytes. */
export function isAttestation(value: unknown): value is string {
  return isText(value, MAX_ATTESTATION_BYTES);
}

/** Whether this is true or false. */
export function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

/** Whether this is a sentence for people: 1..1024 bytes. Show it without its control characters. */
export function isSentence(value: unknown): value is string {
  return isText(value, MAX_SENTENCE_BYTES);
}

/** The same check for a field that may be left out. */
export function optional<T>(mayBe: (value: unknown) => value is T): (value: unknown) => value is T | undefined {
  return (value): value is T | undefined => value === undefined || mayBe(value);
}
