/** `postern-client/signed-relays`: where the relays are, from a file that its operator has signed. */

import { fromBase64url } from "./base64url.ts";
import { epochMs, systemClock } from "./clock.ts";
import { ConnectError, PosternError, TopicError } from "./errors.ts";
import type { RelayList } from "./relay.ts";
import { listError } from "./relays/list-error.ts";
import { MAX_LIST_CHARACTERS, type RelayListing, readListing, readSigned, signedBytes } from "./relays/signed-list.ts";
import { subtle } from "./sealing/web-cryptography.ts";
import { withTimeLimit } from "./time-limit.ts";

const LOAD_TIMEOUT_MS = 10_000;
const KEY_BYTES = 32;

/** Where the list is, and who has to have signed it. */
export type SignedRelaysOptions = {
  /** Where it is fetched from; or what reads it. */
  readonly source: string | URL | (() => Promise<string>);
  /** An Ed25519 key, 32 bytes in base64url, as `postern-client sign-relays` prints it. */
  readonly publicKey: string;
};

/**
 * A list for `connect`: `connect(signedRelays({ source, publicKey }))`. A list that has expired is used, with a warning
 * (`list-expired`), and so is the last good one where a newer one cannot be had. Within one run no list follows a later one.
 * The list rejects with ConnectError `list-invalid` (it is none, or this key has not signed it), `unreachable`.
 * @throws ConnectError `option-invalid`
 */
export function signedRelays({ source, publicKey }: SignedRelaysOptions): RelayList {
  const key = fromBase64url(publicKey);
  if (key?.length !== KEY_BYTES) {
    throw new ConnectError("option-invalid", { cause: "publicKey: 32 bytes in base64url" });
  }
  let last: RelayListing | undefined;
  return async ({ warn }) => {
    try {
      const next = await opened(await load(source), new Uint8Array(key));
      if (next.expiresAtMs >= (last?.expiresAtMs ?? 0)) last = next;
    } catch (error) {
      if (last === undefined || !(error instanceof PosternError)) throw error;
      warn(error);
    }
    if (last === undefined) throw listError("list-invalid");
    if (last.expiresAtMs < epochMs()) warn(listError("list-expired"));
    return last.relays;
  };
}

/** @throws ConnectError `unreachable` */
async function load(source: SignedRelaysOptions["source"]): Promise<string> {
  try {
    if (typeof source === "function") return await source();
    return await withTimeLimit(systemClock, { timeoutMs: LOAD_TIMEOUT_MS }, (signal) => fetched(source, signal));
  } catch (error) {
    throw new ConnectError("unreachable", { cause: error });
  }
}

/** Reads no more than a list may have. */
async function fetched(source: string | URL, signal: AbortSignal): Promise<string> {
  const response = await fetch(source, { signal });
  if (!response.ok || response.body === null) throw new Error(`HTTP status ${response.status}`);
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (text.length > MAX_LIST_CHARACTERS) throw new Error("the list is too long");
  }
  return text;
}

/** @throws ConnectError `list-invalid`; TopicError `no-cryptography` */
async function opened(text: string, rawKey: Uint8Array<ArrayBuffer>): Promise<RelayListing> {
  const file = readSigned(text);
  const signature = file && fromBase64url(file.signature);
  if (file === undefined || signature === undefined) throw listError("list-invalid", "not the form");
  if (!(await isSigned(rawKey, new Uint8Array(signature), signedBytes(file.list)))) {
    throw listError("list-invalid", "another key, or it was changed");
  }
  const listing = readListing(file.list);
  if (listing === undefined) throw listError("list-invalid", "not the form");
  return listing;
}

async function isSigned(
  rawKey: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const cryptography = subtle();
  try {
    const key = await cryptography.importKey("raw", rawKey, "Ed25519", false, ["verify"]);
    return await cryptography.verify("Ed25519", key, signature, bytes);
  } catch (error) {
    throw new TopicError("no-cryptography", { cause: error });
  }
}
