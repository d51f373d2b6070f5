import { unmaskSixteens } from "./unmask-simd.ts";

const keyBytes = new Uint8Array(4);
const keyWord = new Int32Array(keyBytes.buffer);

/** Below this, setting up a view of words costs more than it saves. */
const MIN_WORDS_BYTES = 48;
/** Below this, the copies to WebAssembly and back cost more than they save. */
const MIN_SIMD_BYTES = 1024;

/** Four copies of 0x80: the high bit of each byte in a word. */
const HIGH_BITS = 0x80808080 | 0;
const SPACES = 0x20202020;

/**
 * Removes the mask of a client's frame in place (RFC 6455 section 5.3), four bytes at a time.
 * @param maskAt where the four bytes of the mask are in the same buffer.
 * @returns whether every byte is printable ASCII (0x20..0x7f), so that nobody has to walk the bytes again to know that
 * they are valid UTF-8 and free of JSON's control characters.
 */
export function unmask(bytes: Uint8Array, start: number, end: number, maskAt: number): boolean {
  // `high` gets bit 7 from a byte of 0x80 or above; `low` turns negative with a byte below 0x20.
  let high = 0;
  let low = 0;
  let at = start;
  if (end - start >= MIN_SIMD_BYTES) {
    const { doneBytes, isPrintable } = unmaskSixteens(bytes, start, end, keyAt(bytes, maskAt, 0));
    at += doneBytes;
    if (!isPrintable) high = 0x80;
  }
  const wordsFrom = end - at < MIN_WORDS_BYTES ? end : at + ((4 - ((bytes.byteOffset + at) & 3)) & 3);
  for (; at < wordsFrom; at += 1) {
    const byte = byteAt(bytes, at) ^ byteAt(bytes, maskAt + ((at - start) & 3));
    bytes[at] = byte;
    high |= byte;
    low |= byte - 0x20;
  }
  if (at < end) {
    const wordCount = (end - at) >> 2;
    const result = unmaskWords(bytes, at, wordCount, maskAt, at - start);
    high |= result & 0x80;
    low |= result & LOW_SEEN ? -1 : 0;
    for (at += wordCount * 4; at < end; at += 1) {
      const byte = byteAt(bytes, at) ^ byteAt(bytes, maskAt + ((at - start) & 3));
      bytes[at] = byte;
      high |= byte;
      low |= byte - 0x20;
    }
  }
  return (high & 0x80) === 0 && low >= 0;
}

const LOW_SEEN = 1;

/** The words in the middle. @returns 0x80 where a high byte was seen, LOW_SEEN where a control character was. */
function unmaskWords(bytes: Uint8Array, at: number, wordCount: number, maskAt: number, phase: number): number {
  const key = keyAt(bytes, maskAt, phase);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, wordCount);
  let high = 0;
  let low = 0;
  for (let index = 0; index < wordCount; index += 1) {
    const word = wordAt(words, index) ^ key;
    words[index] = word;
    high |= word;
    // The usual test for a byte below n: the subtraction borrows into bit 7 only there.
    low |= (word - SPACES) & ~word;
  }
  return (high & HIGH_BITS ? 0x80 : 0) | (low & HIGH_BITS ? LOW_SEEN : 0);
}

/** The mask from one of its bytes on, as a word of this machine. */
function keyAt(bytes: Uint8Array, maskAt: number, phase: number): number {
  for (let index = 0; index < 4; index += 1) keyBytes[index] = byteAt(bytes, maskAt + ((phase + index) & 3));
  return wordAt(keyWord, 0);
}

/** In bounds by the caller's word; the type system cannot know. */
function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

function wordAt(words: Int32Array, at: number): number {
  return words[at] as number;
}
