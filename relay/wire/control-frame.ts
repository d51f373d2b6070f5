/** RFC 6455 section 5.5: FIN and the opcode, as the first byte of a control frame. */
export const FrameStart = { close: 0x88, ping: 0x89, pong: 0x8a } as const;

/** A ping without payload: the same bytes for everyone. */
export const PING: Uint8Array = Uint8Array.of(FrameStart.ping, 0);

/** Makes a control frame. @param payload at most 125 bytes; copied. */
export function controlFrame(start: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + payload.length);
  frame[0] = start;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** RFC 6455 section 5.5.1. @param code 1005 stands for none and must not be sent. @param reason ASCII, at most 123 characters. */
export function closeFrame(code: number, reason: string): Uint8Array {
  if (code === 1005) return controlFrame(FrameStart.close, new Uint8Array(0));
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2, "latin1");
  return controlFrame(FrameStart.close, payload);
}
