import { MAX_JSON_DEPTH, MAX_JSON_STRUCTURALS, MAX_MESSAGE_BYTES } from "./limits.ts";

/** What is known of a message before it is parsed. */
export type JsonSurvey = {
  /**
   * If the text is JSON and its outermost value an object with a string `data`: the inside of that string as it is
   * written, escapes and all. A view, good as long as the message is.
   */
  readonly dataText: Uint8Array;
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
/** `[` and `{`, `]` and `}` differ in one bit. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** So many escaped quotes of a string are looked for by the fast search; one that has more is read byte by byte. */
const MAX_SEARCHES = 4;
/** `data`, and the same with each letter as an escape of six bytes. */
const NAME_BYTES = 4;
const MAX_NAME_BYTES = 24;
const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Looks over JSON text without building anything, in one pass: what parsing costs goes by the structure more than by the
 * bytes, so the structure is bounded before anything is parsed. Structure: RFC 8259 section 2, the six characters.
 * @param bytes UTF-8. Whether it is JSON, the parser has to say.
 * @returns undefined: outside of strings it has more structural characters than MAX_JSON_STRUCTURALS or more bytes than
 *   MAX_MESSAGE_BYTES, or it is deeper than MAX_JSON_DEPTH; or it cannot be JSON.
 */
export function surveyJson(bytes: Uint8Array): JsonSurvey | undefined {
  return new Survey(bytes).run();
}

class Survey {
  readonly #bytes: Uint8Array;
  #structuralCount = 0;
  #stringCount = 0;
  #depth = 0;
  /** Where the inside of the last string is. */
  #start = 0;
  #end = 0;
  /** The value to come is that of `data` in the outermost object. */
  #isData = false;
  #dataText: Uint8Array = NOTHING;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  run(): JsonSurvey | undefined {
    const bytes = this.#bytes;
    let leftBytes = MAX_MESSAGE_BYTES;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      leftBytes -= 1;
      if (leftBytes < 0) return undefined;
      if (byte === QUOTE) {
        at = this.#string(at + 1);
        if (at < 0) return undefined;
      } else if (isStructural(byte) && !this.#structural(byte)) return undefined;
    }
    return { dataText: this.#dataText };
  }

  /** @returns whether it is within the bounds. */
  #structural(byte: number): boolean {
    this.#structuralCount += 1;
    if ((byte | BRACE_BIT) === OPEN) this.#depth += 1;
    else if ((byte | BRACE_BIT) === CLOSE) this.#depth -= 1;
    else if (this.#depth === 1) {
      this.#isData = byte === COLON && isNamedData(this.#bytes, this.#start, this.#end);
      // Of two with one name, the last one counts.
      if (this.#isData) this.#dataText = NOTHING;
    }
    return this.#structuralCount <= MAX_JSON_STRUCTURALS && this.#depth <= MAX_JSON_DEPTH;
  }

  /** @param start behind the quote. @returns where the closing one is; below 0: there is none, or it cannot be JSON. */
  #string(start: number): number {
    this.#stringCount += 1;
    // There is a structural character between two strings; and to step over millions of strings is not free either.
    if (this.#stringCount > this.#structuralCount + 1) return -1;
    const end = endOfString(this.#bytes, start);
    if (this.#depth === 1 && end >= 0) {
      this.#start = start;
      this.#end = end;
      if (this.#isData) this.#dataText = this.#bytes.subarray(start, end);
    }
    return end;
  }
}

function isStructural(byte: number): boolean {
  const kind = byte | BRACE_BIT;
  return byte === COMMA || byte === COLON || kind === OPEN || kind === CLOSE;
}

/** @returns where the quote is that closes the string; -1: nowhere. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  for (let count = 0; count < MAX_SEARCHES; count += 1) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0 || !isEscaped(bytes, quote, at)) return quote;
    at = quote + 1;
  }
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at < bytes.length ? at : -1;
}

/** Whether an odd number of backslashes stands before it. @param from no escape reaches over this. */
function isEscaped(bytes: Uint8Array, at: number, from: number): boolean {
  let before = at - 1;
  while (before >= from && bytes[before] === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}

/** Whether this is the inside of a string that says `data`, however it is escaped. */
function isNamedData(bytes: Uint8Array, start: number, end: number): boolean {
  const byteCount = end - start;
  if (byteCount < NAME_BYTES || byteCount > MAX_NAME_BYTES) return false;
  const name = String.fromCharCode(...bytes.subarray(start, end));
  if (!name.includes("\\")) return name === "data";
  try {
    return JSON.parse(`"${name}"`) === "data";
  } catch {
    return false;
  }
}
