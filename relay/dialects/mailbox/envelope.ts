const VERSION = 1;
const PREFIX_BYTES = 4;
const MAX_ID_LENGTH = 128;
/** Messages have a handful of brackets: with more of them, reading would cost more memory than the bytes are worth. */
const MAX_BRACKETS = 100;

/** JSON whose shape is not known. */
export type Fields = Readonly<Record<string, unknown>>;

/** What a frame holds. */
export type Envelope = {
  readonly messageId: string;
  readonly payload: Fields;
};

/** Whether this may be a frame, and no message of another dialect: four bytes of length, then an object. */
export function looksLikeFrame(bytes: Uint8Array): boolean {
  return bytes[PREFIX_BYTES] === 0x7b;
}

/**
 * Reads a frame. The length that stands before it is not looked at: the WebSocket has one.
 * @returns undefined: it is none.
 */
export function decodeFrame(bytes: Uint8Array): Envelope | undefined {
  if (bytes.length < PREFIX_BYTES || hasTooManyBrackets(bytes)) return undefined;
  const fields = objectIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8", PREFIX_BYTES));
  if (fields === undefined) return undefined;
  const { version, message_id: messageId, timestamp, payload } = fields;
  if (!isByte(version) || !isSeconds(timestamp) || !isFields(payload)) return undefined;
  if (typeof messageId !== "string" || messageId.length > MAX_ID_LENGTH) return undefined;
  return { messageId, payload };
}

/** Writes a frame, its length before it. */
export function encodeFrame({ messageId, payload }: Envelope, nowMs: number): Buffer {
  const timestamp = Math.floor(nowMs / 1000);
  const text = JSON.stringify({ version: VERSION, message_id: messageId, timestamp, payload });
  return withLength(Buffer.from(text));
}

/** The same around a field of bytes, which stands at the end of its payload: JSON.stringify has no way to write them. */
export function encodeFrameWithBytes(
  { messageId, payload }: Envelope,
  { name, bytes, rest = {} }: { readonly name: string; readonly bytes: Uint8Array; readonly rest?: Fields },
  nowMs: number,
): Buffer {
  const empty = encodeFrame({ messageId, payload: { ...payload, [name]: [], ...rest } }, nowMs).toString(
    "utf8",
    PREFIX_BYTES,
  );
  // The payload is of the relay's own making: the name stands in it once before any text of a client's.
  const at = empty.indexOf(`"${name}":[]`) + name.length + 4;
  return withLength(Buffer.from(`${empty.slice(0, at)}${bytes.join(",")}${empty.slice(at)}`));
}

/** Reads a field of bytes: an array of numbers from 0 to 255. @returns undefined: it is none. */
export function bytesOf(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (!Array.isArray(value) || !value.every(isByte)) return undefined;
  return Uint8Array.from(value);
}

/** Reads 32 bytes in hex, in either case. @returns them in lower case; undefined: it is something else. */
export function idOf(value: unknown): string | undefined {
  return typeof value === "string" && /^[0-9a-f]{64}$/i.test(value) ? value.toLowerCase() : undefined;
}

/** Whether this is a number of seconds, or a version: whole and not negative. */
export function isSeconds(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Whether this is an object. */
function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads an object that a dialect has written itself. */
export function objectIn(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function withLength(json: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + json.length);
  frame.writeUInt32BE(json.length, 0);
  json.copy(frame, PREFIX_BYTES);
  return frame;
}

function isByte(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255;
}

function hasTooManyBrackets(bytes: Uint8Array): boolean {
  let count = 0;
  for (const byte of bytes) if (byte === 0x5b || byte === 0x7b) count += 1;
  return count > MAX_BRACKETS;
}
