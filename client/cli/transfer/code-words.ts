import { createHash, randomBytes } from "node:crypto";

/**
 * A secret of 128 bits that people can read to each other: nine words of five letters, each 16 bits as consonant, vowel, consonant,
 * vowel, consonant (A Proposal for Proquints, arXiv:0901.4016), the last one a checksum.
 */
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";
const WORD = /^[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]$/;
const SECRET_BYTES = 16;
const WORD_COUNT = 9;

/** A new code. */
export function newCode(): string {
  return codeOf(randomBytes(SECRET_BYTES));
}

/** The code of a secret of 16 bytes. */
export function codeOf(secret: Uint8Array): string {
  const bytes = Buffer.concat([secret, checksumOf(secret)]);
  return Array.from({ length: WORD_COUNT }, (_, index) => wordOf(bytes.readUInt16BE(2 * index))).join("-");
}

/**
 * Reads a code: the case does not matter, and between words may be anything but letters.
 * @returns the secret, or a sentence about what is wrong that does not repeat it.
 */
export function parseCode(text: string): Uint8Array | { readonly problem: string } {
  const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
  if (words.length !== WORD_COUNT) return { problem: `A code has ${WORD_COUNT} words, and this has ${words.length}.` };
  const wrong = words.findIndex((word) => !WORD.test(word));
  if (wrong !== -1) return { problem: `Word ${wrong + 1} of the code is none: compare it letter by letter.` };
  const bytes = Buffer.alloc(2 * WORD_COUNT);
  for (const [index, word] of words.entries()) bytes.writeUInt16BE(numberOf(word), 2 * index);
  const secret = bytes.subarray(0, SECRET_BYTES);
  if (!checksumOf(secret).equals(bytes.subarray(SECRET_BYTES))) {
    return { problem: "A letter of the code is wrong, or two words changed places." };
  }
  return new Uint8Array(secret);
}

function wordOf(number: number): string {
  const consonant = (shift: number): string => CONSONANTS[(number >>> shift) & 15] ?? "";
  const vowel = (shift: number): string => VOWELS[(number >>> shift) & 3] ?? "";
  return consonant(12) + vowel(10) + consonant(6) + vowel(4) + consonant(0);
}

function numberOf(word: string): number {
  let number = 0;
  for (const letter of word) {
    const vowel = VOWELS.indexOf(letter);
    number = vowel === -1 ? (number << 4) | CONSONANTS.indexOf(letter) : (number << 2) | vowel;
  }
  return number;
}

function checksumOf(secret: Uint8Array): Buffer {
  return createHash("sha256").update(secret).digest().subarray(0, 2);
}
