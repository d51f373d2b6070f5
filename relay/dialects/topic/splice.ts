const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7d;

/**
 * Finds the payload in a data message of the known shape without parsing it: `start`, then a string without escapes,
 * then `"}`. Anything else takes the ordinary decoder, which finds the same payload in it.
 * @param bytes printable ASCII.
 * @param start everything up to and with the quote that opens the payload.
 * @returns the inside of the string, a view; undefined where the shape is another.
 */
export function spliceData(bytes: Uint8Array, start: Uint8Array): Uint8Array | undefined {
  const end = bytes.length - 2;
  if (end <= start.length || bytes[end] !== QUOTE || bytes[end + 1] !== BRACE) return undefined;
  for (let at = 0; at < start.length; at += 1) if (bytes[at] !== start[at]) return undefined;
  if (bytes.indexOf(QUOTE, start.length) !== end || bytes.indexOf(BACKSLASH, start.length) !== -1) return undefined;
  return bytes.subarray(start.length, end);
}
