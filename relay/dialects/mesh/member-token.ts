import { isJsonObject, type JsonObject } from "../../json.ts";
import { membersOf } from "../../json-members.ts";

/** So many capabilities, names and characters may a token have. */
const MAX_CAPABILITIES = 64;
const MAX_CHARACTERS = 128;
const SIGNATURE_BYTES = 64;
const INTEGER = /^-?(?:0|[1-9]\d*)$/;
/** Beyond it a double is written otherwise by the founders' parser. No time is as large. */
const MAX_PLAIN_FLOAT = 1e16;
const MIN_PLAIN_FLOAT = 1e-4;

/** A token whose fields are all there and of their kind. Whose it is, and whether it is good, is another question. */
export type MemberToken = {
  readonly meshId: string;
  /** Null: any node's. */
  readonly nodeId: string | null;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly capabilities: readonly string[];
  readonly nonce: string;
  /** 64 bytes; of another length: it is nobody's signature. */
  readonly signature: Uint8Array;
  /** What the signature is over. */
  readonly signed: Uint8Array;
};

/**
 * Reads a member's token.
 * @param value of the token as it was parsed. @param raw the same as it was written: numbers are signed with their digits.
 * @returns what is wrong with it.
 */
export function readMemberToken(value: unknown, raw: Uint8Array): MemberToken | string {
  if (!isJsonObject(value) || REQUIRED.some((name) => !value[name])) return "Missing required token fields";
  const meshId = textIn(value, "mesh_id");
  const issuerId = textIn(value, "issuer_id");
  const nonce = textIn(value, "nonce");
  const signatureText = value["signature"];
  const nodeId = value["node_id"] === undefined || value["node_id"] === null ? null : textIn(value, "node_id");
  const capabilities = capabilitiesIn(value);
  const numbers = new Map(membersOf(raw).map((member) => [member.name, Buffer.from(member.value).toString()]));
  const issuedAt = numberText(numbers.get("issued_at") ?? "null");
  const expiresAt = numberText(numbers.get("expires_at") ?? "0");
  if (meshId === undefined || issuerId === undefined || nonce === undefined || nodeId === undefined) return MALFORMED;
  if (capabilities === undefined || issuedAt === undefined || expiresAt === undefined) return MALFORMED;
  if (typeof signatureText !== "string" || expiresAt === "null") return MALFORMED;
  const signed = [
    `{"capabilities":[${capabilities.toSorted(byCodePoint).map(asciiText).join(",")}]`,
    `"expires_at":${expiresAt}`,
    `"issued_at":${issuedAt}`,
    `"issuer_id":${asciiText(issuerId)}`,
    `"mesh_id":${asciiText(meshId)}`,
    `"node_id":${nodeId === null ? "null" : asciiText(nodeId)}`,
    `"nonce":${asciiText(nonce)}}`,
  ].join(",");
  return {
    meshId,
    nodeId,
    expiresAt: Number(expiresAt),
    capabilities,
    nonce,
    signature: bytesOf(signatureText, SIGNATURE_BYTES) ?? new Uint8Array(0),
    signed: Buffer.from(signed, "latin1"),
  };
}

const REQUIRED = ["mesh_id", "nonce", "signature", "issuer_id"] as const;
const MALFORMED = "Invalid token: a field is not what it takes";

/** Whether a token has all that a signed one has: others are taken for none where no token is asked for. */
export function isCompleteToken(value: unknown): boolean {
  return isJsonObject(value) && REQUIRED.every((name) => Boolean(value[name]));
}

/** RFC 4648 section 4, with padding, of just so many bytes; undefined where it is not that. */
export function bytesOf(base64: string, byteCount: number): Uint8Array | undefined {
  const bytes = Buffer.from(base64, "base64");
  return bytes.length === byteCount && bytes.toString("base64") === base64 ? bytes : undefined;
}

/** Undefined where it is no string, or longer than any. */
function textIn(value: JsonObject, name: string): string | undefined {
  const text = value[name];
  return typeof text === "string" && text.length <= MAX_CHARACTERS ? text : undefined;
}

function capabilitiesIn({ capabilities = [] }: JsonObject): readonly string[] | undefined {
  if (!Array.isArray(capabilities) || capabilities.length > MAX_CAPABILITIES) return undefined;
  const words = (capabilities as readonly unknown[]).filter((word) => typeof word === "string");
  return words.length === capabilities.length && words.every(({ length }) => length <= MAX_CHARACTERS)
    ? words
    : undefined;
}

/**
 * A number, or null, as the founders' `json.dumps` writes what its parser has read: an integer with its digits, a float as
 * the shortest that is read as the same. Undefined: it is none of these, or a float that is written with an exponent.
 */
function numberText(raw: string): string | undefined {
  if (raw === "null") return raw;
  if (INTEGER.test(raw)) return raw === "-0" ? "0" : raw;
  const value = Number(raw);
  const size = Math.abs(value);
  if (raw.startsWith('"') || !(size === 0 || (size >= MIN_PLAIN_FLOAT && size < MAX_PLAIN_FLOAT))) return undefined;
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/** A string in quotes, with everything but the printable characters of ASCII as escapes of UTF-16 units. */
function asciiText(text: string): string {
  // JSON.stringify has the short escapes, and those below a space; half a surrogate pair comes as an escape too.
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Not by UTF-16 units, as `<` has it: there what is beyond them comes before some that are not. */
function byCodePoint(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => Array.from(text, (character) => character.codePointAt(0) ?? 0));
  if (a === undefined || b === undefined) return 0;
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
