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

/** A ping that its pong will name: the number as four bytes, big-endian. @param number unsigned, 32 bits. */
export function numberedPing(number: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, number);
  return controlFrame(FrameStart.ping, payload);
}

/** The number in the payload of a pong; undefined where there is none. */
export function numberIn(payload: Uint8Array): number | undefined {
  if (payload.length !== 4) return undefined;
  return new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0);
}

/** RFC 6455 section 5.5.1. @param code 1005 stands for none and must not be sent. @param reason ASCII, at most 123 characters. */
export function closeFrame(code: number, reason: string): Uint8Array {
  if (code === 1005) return controlFrame(FrameStart.close, new Uint8Array(0));
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code);
  payload.write(reason, 2, "latin1");
  return controlFrame(FrameStart.close, payload);
}
