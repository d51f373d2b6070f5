import { toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import type { Sid } from "../delivery/ports.ts";
import type { Cryptography } from "../sealing/cryptography.ts";
import { joinBytes } from "./bytes.ts";
import { isSigned, KEY_BYTES, type PlatformKey, SIGNATURE_BYTES, sign } from "./curves.ts";

/** What a member says of itself: public key (32), session key (32), signature (64). */
export const INTRODUCTION_BYTES: number = 2 * KEY_BYTES + SIGNATURE_BYTES;

const DOMAIN = utf8("postern-client/1 session\0");
const SESSION_BYTES = 16;
/** The last character of 16 bytes as base64url has four bits to spare, which are 0 in a session that is random. */
const LAST_CHARACTERS: Readonly<Record<string, string>> = { A: "B", Q: "R", g: "h", w: "x" };

/** An introduction, as it was read. */
export type Introduction = {
  readonly publicKey: Uint8Array;
  readonly sessionKey: Uint8Array;
  readonly signature: Uint8Array;
};

/** The two keys of a session, and the topic that it is in. */
type Bound = { readonly topicId: string; readonly publicKey: Uint8Array; readonly sessionKey: Uint8Array };

/** Whether this session is one that has to introduce itself. */
export function isIdentified(sid: Sid): boolean {
  return /[BRhx]$/.test(sid);
}

/** The session of these keys in this topic: nobody can make other keys for it. */
export async function sidOf(cryptography: Cryptography, { topicId, publicKey, sessionKey }: Bound): Promise<Sid> {
  const source = await cryptography.source(joinBytes(publicKey, sessionKey));
  const bytes = await cryptography.derive(source, utf8(topicId), utf8("session"));
  const random = toBase64url(bytes.subarray(0, SESSION_BYTES));
  return random.replace(/.$/, (last) => LAST_CHARACTERS[last] ?? last);
}

/** Signs a session, once. @returns what its proofs carry */
export async function introduce(privateKey: PlatformKey, sid: Sid, bound: Bound): Promise<Uint8Array> {
  const signature = await sign(privateKey, textOf(sid, bound));
  return joinBytes(bound.publicKey, bound.sessionKey, signature);
}

/** Reads an introduction of exactly `INTRODUCTION_BYTES`; whether it is true is for `isTrue`. */
export function readIntroduction(bytes: Uint8Array): Introduction {
  return {
    publicKey: bytes.slice(0, KEY_BYTES),
    sessionKey: bytes.slice(KEY_BYTES, 2 * KEY_BYTES),
    signature: bytes.slice(2 * KEY_BYTES),
  };
}

/** Whether it is of this session in this topic, and signed by its key. The cheap look comes first. */
export async function isTrue(
  cryptography: Cryptography,
  topicId: string,
  sid: Sid,
  { publicKey, sessionKey, signature }: Introduction,
): Promise<boolean> {
  const bound = { topicId, publicKey, sessionKey };
  return (await sidOf(cryptography, bound)) === sid && (await isSigned(publicKey, signature, textOf(sid, bound)));
}

function textOf(sid: Sid, { topicId, publicKey, sessionKey }: Bound): Uint8Array {
  return joinBytes(DOMAIN, utf8(topicId), utf8(sid), publicKey, sessionKey);
}
