import { utf8 } from "../data.ts";

/** More is no list. */
export const MAX_LIST_CHARACTERS = 65_536;

/** Tells what is signed here from anything else that the same key may sign. */
const CONTEXT = "postern relays 1\0";

/** A list of relays, as it is signed. */
export type RelayListing = {
  /** In the order in which they are to be used. */
  readonly relays: readonly string[];
  /** Ms since the epoch. */
  readonly expiresAtMs: number;
};

/** The file: the list as text, exactly as it was signed, and the signature (RFC 8032, Ed25519) in base64url. */
export type SignedList = { readonly list: string; readonly signature: string };

/** What is signed. */
export function signedBytes(list: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(utf8(`${CONTEXT}${list}`));
}

/** Writes the text that is signed. */
export function listText({ relays, expiresAtMs }: RelayListing): string {
  return JSON.stringify({ relays, expiresAt: new Date(expiresAtMs).toISOString() });
}

/** Reads a file: any text. @returns undefined: it is none */
export function readSigned(text: string): SignedList | undefined {
  const file = text.length > MAX_LIST_CHARACTERS ? undefined : parsed(text);
  if (file === undefined || typeof file["list"] !== "string" || typeof file["signature"] !== "string") return undefined;
  return { list: file["list"], signature: file["signature"] };
}

/** Reads what was signed. What the relays are is not checked. @returns undefined: it is no list */
export function readListing(list: string): RelayListing | undefined {
  const { relays, expiresAt } = parsed(list) ?? {};
  const expiresAtMs = typeof expiresAt === "string" ? Date.parse(expiresAt) : Number.NaN;
  if (!Array.isArray(relays) || Number.isNaN(expiresAtMs)) return undefined;
  const addresses = relays.filter((relay): relay is string => typeof relay === "string");
  return addresses.length === relays.length ? { relays: addresses, expiresAtMs } : undefined;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
