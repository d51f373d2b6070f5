import { sign, verify } from "hypercore-crypto";
import { utf8 } from "../data.ts";
import type { KeyPair } from "./handshake.ts";

/**
 * What a member shows in a topic where it can be found: which keys it answers for.
 *
 * | offset | bytes | meaning |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 1 | flags, all 0; unknown ones are passed over |
 * | 2 + 96n | 32 | public key |
 * | 34 + 96n | 64 | its Ed25519 signature (RFC 8032) over what `signedOf` gives |
 */
const VERSION = 1;
const HEADER_BYTES = 2;
const KEY_BYTES = 32;
const ENTRY_BYTES = 96;

/** Keys that one member can be found by: as many as a presence of 744 bytes holds. */
const MAX_KEYS = 7;

/** Where a member is: the topic as the relay knows it, and the member's id in it. A signature holds for one place. */
export type Place = { readonly topicName: string; readonly peerId: string };

/** Signs what is shown, with the key of `keyPair`: Ed25519, 64 bytes. */
export type SignAnnouncement = (message: Uint8Array, keyPair: KeyPair) => Uint8Array | Promise<Uint8Array>;

/** Signs with a secret key that is here. */
export const signWithSecretKey: SignAnnouncement = (message, { secretKey }) => {
  if (secretKey === undefined) throw new TypeError("the key pair has no secretKey, and there is no signAnnouncement");
  return sign(message, secretKey);
};

/** @returns 2 bytes where there are no keys: whom nobody finds. */
export async function encodeAnnouncements(
  keyPairs: readonly KeyPair[],
  place: Place,
  signer: SignAnnouncement,
): Promise<Uint8Array> {
  const shown = keyPairs.slice(0, MAX_KEYS);
  const bytes = new Uint8Array(HEADER_BYTES + ENTRY_BYTES * shown.length);
  bytes[0] = VERSION;
  for (const [index, keyPair] of shown.entries()) {
    const offset = HEADER_BYTES + ENTRY_BYTES * index;
    bytes.set(keyPair.publicKey, offset);
    bytes.set(await signer(signedOf(keyPair.publicKey, place), keyPair), offset + KEY_BYTES);
  }
  return bytes;
}

/** @returns the keys whose signatures are right, copied; none where it is nothing of the kind. */
export function decodeAnnouncements(bytes: Uint8Array | undefined, place: Place): readonly Uint8Array[] {
  if (bytes?.[0] !== VERSION || (bytes.length - HEADER_BYTES) % ENTRY_BYTES !== 0) return [];
  const keys: Uint8Array[] = [];
  const end = Math.min(bytes.length, HEADER_BYTES + MAX_KEYS * ENTRY_BYTES);
  for (let offset = HEADER_BYTES; offset < end; offset += ENTRY_BYTES) {
    const publicKey = bytes.slice(offset, offset + KEY_BYTES);
    const signature = bytes.slice(offset + KEY_BYTES, offset + ENTRY_BYTES);
    if (verify(signedOf(publicKey, place), signature, publicKey)) keys.push(publicKey);
  }
  return keys;
}

function signedOf(publicKey: Uint8Array, { topicName, peerId }: Place): Uint8Array {
  const place = utf8(`postern-client/hyperswarm/1 announcement\0${topicName}\0${peerId}\0`);
  const message = new Uint8Array(place.length + publicKey.length);
  message.set(place);
  message.set(publicKey, place.length);
  return message;
}
