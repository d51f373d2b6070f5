/** The messages inside unmasked, unfragmented frames (RFC 6455 section 5.2), as text. */
export function frameTexts(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => {
    const length = frame[1] ?? 0;
    return Buffer.from(frame.subarray(length < 126 ? 2 : length === 126 ? 4 : 10)).toString();
  });
}
