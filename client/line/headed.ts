/**
 * Room before a payload, in bytes: for the header of data to one member (12), and for that of a masked frame of WebSocket (14); whole
 * words, as masking goes by those.
 */
export const ROOM_BYTES = 32;

/** What a socket needs of it for itself. */
const SOCKET_ROOM_BYTES = 16;

/** A message that its taker may write to, and to so many bytes before it in the same memory. */
export type Headed = { readonly bytes: Uint8Array<ArrayBuffer>; readonly roomBytes: number };

/**
 * Puts a header before a payload.
 * @param roomBytes so many bytes before the payload, in its memory, are free, and it is the callee's: nothing is copied where
 *   the header has room there. Undefined: it is copied.
 */
export function headed(header: Uint8Array, payload: Uint8Array, roomBytes: number | undefined): Headed {
  const size = header.byteLength + payload.byteLength;
  const { buffer, byteOffset } = payload;
  if (roomBytes !== undefined && roomBytes >= header.byteLength && buffer instanceof ArrayBuffer) {
    const bytes = new Uint8Array(buffer, byteOffset - header.byteLength, size);
    bytes.set(header);
    return { bytes, roomBytes: roomBytes - header.byteLength };
  }
  const bytes = new Uint8Array(SOCKET_ROOM_BYTES + size).subarray(SOCKET_ROOM_BYTES);
  bytes.set(header);
  bytes.set(payload, header.byteLength);
  return { bytes, roomBytes: SOCKET_ROOM_BYTES };
}
