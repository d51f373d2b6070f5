/**
 * What the generator writes over the first bytes of every payload, in characters of base64, so that it looks the same in
 * base64 text and in raw bytes:
 *
 * | offset | bytes | meaning |
 * |---|---|---|
 * | 0 | 3 | index of the sender, 6 bits each, high first |
 * | 3 | 5 | number of the message at its sender, from 0, the same way |
 *
 * The time of sending stays with the sender, who is in the same process.
 */
export const STAMP_BYTES = 8;
const SENDER_BYTES = 3;

const digits = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const values = new Uint8Array(256);
for (const [value, digit] of digits.entries()) values[digit] = value;

/** Writes the sender's part. */
function writeSender(bytes: Uint8Array, at: number, senderIndex: number): void {
  writeDigits(bytes, at, SENDER_BYTES, senderIndex);
}

/** Writes the message's part. @param mask the 8 bytes that the stamp is masked with. */
export function writeSequence(bytes: Uint8Array, at: number, sequence: number, mask: Uint8Array): void {
  let rest = sequence;
  for (let offset = STAMP_BYTES - 1; offset >= SENDER_BYTES; offset -= 1) {
    bytes[at + offset] = (digits[rest & 63] ?? 0) ^ (mask[offset] ?? 0);
    rest >>>= 6;
  }
}

export function readSender(bytes: Uint8Array, at: number): number {
  return (valueAt(bytes, at) << 12) | (valueAt(bytes, at + 1) << 6) | valueAt(bytes, at + 2);
}

export function readSequence(bytes: Uint8Array, at: number): number {
  return (
    (valueAt(bytes, at + 3) << 24) |
    (valueAt(bytes, at + 4) << 18) |
    (valueAt(bytes, at + 5) << 12) |
    (valueAt(bytes, at + 6) << 6) |
    valueAt(bytes, at + 7)
  );
}

/**
 * A payload as it goes over the wire, with room for the stamp at its beginning and a filling that tells the senders apart.
 * @param byteCount of the application's data; as base64 it is a third more on the wire.
 */
export function makePayload(byteCount: number, senderIndex: number, form: "base64" | "raw"): Buffer {
  const raw = Buffer.alloc(byteCount);
  for (let at = 0; at < byteCount; at += 1) raw[at] = (at * 7 + senderIndex * 13) & 0xff;
  const payload = form === "raw" ? raw : Buffer.from(raw.toString("base64"), "latin1");
  writeSender(payload, 0, senderIndex);
  writeSequence(payload, 0, 0, new Uint8Array(STAMP_BYTES));
  return payload;
}

/** How long a payload is on the wire. */
export function wireBytesOf(byteCount: number, form: "base64" | "raw"): number {
  return form === "raw" ? byteCount : 4 * Math.ceil(byteCount / 3);
}

function writeDigits(bytes: Uint8Array, at: number, digitCount: number, value: number): void {
  for (let index = 0; index < digitCount; index += 1) {
    bytes[at + index] = digits[(value >>> (6 * (digitCount - 1 - index))) & 63] ?? 0;
  }
}

function valueAt(bytes: Uint8Array, at: number): number {
  return values[bytes[at] ?? 0] ?? 0;
}
