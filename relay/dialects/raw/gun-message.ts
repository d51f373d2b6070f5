/**
 * The three messages of GUN that PluresDB's clients know, as strict as their parser (Rust's serde_json, an untagged enum):
 * what it could not read would end their receive loop.
 */

/** Deeper than any message of a client; serde_json stops at 128. */
const MAX_DEPTH = 100;
/** A put of a large graph has some ten thousand keys. What parsing costs goes by these. */
const MAX_KEYS = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const CLOSE: ReadonlySet<number> = new Set([0x7d, 0x5d]);
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const [ZERO, NINE] = [0x30, 0x39];
const [CAPITAL_E, SMALL_E] = [0x45, 0x65];

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type JsonObject = Readonly<Record<string, unknown>>;

/** Whether the clients of this topic can read the message: a put, a get or an ack. Never throws. */
export function isGunMessage(message: Uint8Array): boolean {
  const survey = surveyOf(message);
  const parsed = survey && parse(message);
  if (!isObject(parsed) || typeof parsed["#"] !== "string") return false;
  // Of doubled keys that parser takes none, JSON.parse the last.
  const found = { keyCount: 0, isReadable: true };
  look(parsed, found);
  if (!found.isReadable || found.keyCount !== survey?.keyCount) return false;
  return isPut(parsed) || isGet(parsed) || isAck(parsed, survey);
}

/** Undefined where it is no JSON. */
function parse(message: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(message)) as unknown;
  } catch {
    return undefined;
  }
}

function isPut({ put }: JsonObject): boolean {
  return isObject(put) && Object.values(put).every(isNode);
}

function isNode(node: unknown): boolean {
  const meta = isObject(node) ? node["_"] : undefined;
  if (!isObject(meta) || typeof meta["#"] !== "string" || !isObject(meta[">"])) return false;
  return Object.values(meta[">"]).every((state) => typeof state === "number");
}

function isGet({ get }: JsonObject): boolean {
  return isObject(get) && typeof get["#"] === "string" && isOptionalString(get["."]);
}

function isAck(message: JsonObject, { hasOnlyDigits }: Survey): boolean {
  const { ok } = message;
  if (typeof message["@"] !== "string" || !isOptionalString(message["err"])) return false;
  if (ok === undefined || ok === null) return true;
  return typeof ok === "number" && Number.isInteger(ok) && ok >= 0 && ok <= 255 && hasOnlyDigits;
}

function isOptionalString(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "string";
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is known of a message once it has been gone through. */
type Found = { keyCount: number; isReadable: boolean };

/** Counts keys, and looks for what JSON.parse reads and that parser does not: numbers beyond a double, half a surrogate pair. */
function look(value: unknown, found: Found): void {
  if (typeof value === "string") found.isReadable &&= value.isWellFormed();
  else if (typeof value === "number") found.isReadable &&= Number.isFinite(value);
  else if (Array.isArray(value)) for (const item of value) look(item, found);
  else if (isObject(value)) {
    for (const [key, inner] of Object.entries(value)) {
      found.keyCount += 1;
      found.isReadable &&= key.isWellFormed();
      look(inner, found);
    }
  }
}

/**
 * What is known of a message before anything is built of it.
 * @property keyCount keys of all objects as they are written, doubled ones too: colons outside of strings.
 * @property hasOnlyDigits no number has a sign, a dot or an exponent: 1.0 is no integer to that parser, and 1 to ours.
 */
type Survey = { keyCount: number; hasOnlyDigits: boolean };

/** One pass. @returns undefined: it has too many keys or values, or is too deep. */
function surveyOf(bytes: Uint8Array): Survey | undefined {
  const survey = { keyCount: 0, hasOnlyDigits: true };
  let [commaCount, depth] = [0, 0];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) at = endOfString(bytes, at + 1);
    else if (byte === COLON) survey.keyCount += 1;
    else if (byte === COMMA) commaCount += 1;
    else if (OPEN.has(byte)) depth += 1;
    else if (CLOSE.has(byte)) depth -= 1;
    else if (byte === DOT || byte === MINUS || isExponent(bytes, at)) survey.hasOnlyDigits = false;
    if (depth > MAX_DEPTH || survey.keyCount > MAX_KEYS || commaCount > MAX_KEYS) return undefined;
  }
  return survey;
}

/** `e` behind a digit; in `true` and `false` it is none. */
function isExponent(bytes: Uint8Array, at: number): boolean {
  if (bytes[at] !== SMALL_E && bytes[at] !== CAPITAL_E) return false;
  const before = bytes[at - 1] ?? 0;
  return before >= ZERO && before <= NINE;
}

/** @param start behind the quote. @returns where the closing one is, or the end. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
