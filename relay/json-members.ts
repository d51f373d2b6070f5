const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
/** `[` and `{`, `]` and `}` differ in one bit. */
const BRACE_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Parsing costs by the structure: so many values and so deep, and what is built of a message stays a few times its size. */
const MAX_VALUES = 100_000;
const MAX_CONTAINERS = 10_000;
const MAX_DEPTH = 64;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One member of an object as it is written. Views. */
export type RawMember = {
  /** As it reads: without quotes and escapes. */
  readonly name: string;
  /** With its quotes, and its escapes. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
};

/** A message of JSON: what it says, and how its outermost members are written. */
export type JsonMessage = {
  readonly value: unknown;
  /** By name; empty where it is no object. Of several with one name the last counts, as it does for JSON.parse. */
  readonly members: ReadonlyMap<string, RawMember>;
};

/**
 * Reads a message whose parts are to be passed on as they are: numbers keep their digits, strings their escapes.
 * @returns undefined: it is no JSON, no UTF-8, or has more structure than is parsed of a stranger.
 */
export function readJsonMessage(bytes: Uint8Array): JsonMessage | undefined {
  if (!isBounded(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return { value, members: new Map(membersOf(bytes).map((member) => [member.name, member])) };
  } catch {
    return undefined;
  }
}

/**
 * The members of an object, in order, also those whose name comes twice.
 * @param object JSON that has been parsed: of what is none, nothing is promised. Empty where it is no object.
 */
export function membersOf(object: Uint8Array): readonly RawMember[] {
  const first = object.findIndex((byte) => !isSpace(byte));
  if (object[first] !== OPEN) return [];
  const members: RawMember[] = [];
  let depth = 0;
  let key: Uint8Array | undefined;
  let start = first + 1;
  const close = (end: number): void => {
    if (key !== undefined) members.push({ name: nameOf(key), key, value: trimmed(object, start, end) });
    key = undefined;
    start = end + 1;
  };
  for (let at = first; at < object.length; at += 1) {
    const byte = object[at] ?? 0;
    if (byte === QUOTE) at = endOfString(object, at + 1);
    else if ((byte | BRACE_BIT) === OPEN) depth += 1;
    else if ((byte | BRACE_BIT) === CLOSE) {
      depth -= 1;
      if (depth === 0) close(at);
    } else if (depth === 1 && byte === COLON && key === undefined) {
      key = trimmed(object, start, at);
      start = at + 1;
    } else if (depth === 1 && byte === COMMA) close(at);
  }
  return members;
}

/** Whether there is no more structure than is parsed of a stranger. One pass; whether it is JSON, the parser has to say. */
function isBounded(bytes: Uint8Array): boolean {
  let [valueCount, containerCount, depth] = [0, 0, 0];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) at = endOfString(bytes, at + 1);
    else if (byte === COMMA || byte === COLON) valueCount += 1;
    else if ((byte | BRACE_BIT) === OPEN) {
      containerCount += 1;
      depth += 1;
      if (depth > MAX_DEPTH || containerCount > MAX_CONTAINERS) return false;
    } else if ((byte | BRACE_BIT) === CLOSE) depth -= 1;
    if (valueCount > MAX_VALUES) return false;
  }
  return true;
}

/** @param start behind the quote. @returns where the closing one is, or the end. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return bytes.length;
    let before = quote - 1;
    while (before >= at && bytes[before] === BACKSLASH) before -= 1;
    // An even number of backslashes are escaped ones.
    if ((quote - before) % 2 === 1) return quote;
    at = quote + 1;
  }
}

function trimmed(bytes: Uint8Array, start: number, end: number): Uint8Array {
  let [from, to] = [start, end];
  while (from < to && isSpace(bytes[from] ?? 0)) from += 1;
  while (to > from && isSpace(bytes[to - 1] ?? 0)) to -= 1;
  return bytes.subarray(from, to);
}

/** RFC 8259 section 2. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function nameOf(key: Uint8Array): string {
  return String(JSON.parse(decoder.decode(key)));
}
