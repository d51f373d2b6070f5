/** RFC 6455 section 5.2: FIN and the opcode, as the first byte of a frame that is a whole message. */
const TEXT_FRAME = 0x81;
const BINARY_FRAME = 0x82;

const NOTHING = new Uint8Array(0);

/**
 * Writes a message as one WebSocket frame, header and all, so that the same bytes can go to every member.
 * @param start, payload, end the message in up to three pieces; each is copied once, here.
 */
export function messageFrame(
  kind: "text" | "binary",
  start: Uint8Array,
  payload: Uint8Array = NOTHING,
  end: Uint8Array = NOTHING,
): Uint8Array {
  const messageBytes = start.length + payload.length + end.length;
  const headerBytes = messageBytes < 126 ? 2 : messageBytes < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + messageBytes);
  frame[0] = kind === "text" ? TEXT_FRAME : BINARY_FRAME;
  if (headerBytes === 2) frame[1] = messageBytes;
  else if (headerBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(messageBytes, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(messageBytes, 6);
  }
  frame.set(start, headerBytes);
  frame.set(payload, headerBytes + start.length);
  frame.set(end, headerBytes + start.length + payload.length);
  return frame;
}
