/** What may stand around a payload on its way out: names, JSON, the frame's header. The longest seen has 2,392 bytes. */
const ENVELOPE_BYTES = 3072;

/**
 * The largest payload that reaches every member whatever its encoding, without a message that is larger than one that is
 * taken: base64 makes four bytes of three. Where so little is taken that an envelope is more than half of it, that much is
 * not promised.
 */
export function maxPayloadBytesFor(maxFrameBytes: number): number {
  const envelopeBytes = Math.min(ENVELOPE_BYTES, Math.floor(maxFrameBytes / 2));
  return Math.floor(((maxFrameBytes - envelopeBytes) * 3) / 4);
}
