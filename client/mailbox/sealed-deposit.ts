import { toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import { joinBytes } from "../identity/bytes.ts";
import { agree, isSigned, KEY_BYTES, newAgreementKey, SIGNATURE_BYTES, sign } from "../identity/curves.ts";
import { type KeyPair, publicKeyBytes } from "../identity/key-pair.ts";
import { type Cryptography, TAG_BYTES } from "../sealing/cryptography.ts";
import { MailboxError } from "./mailbox-error.ts";
import type { OwnerKeys } from "./owner-keys.ts";

/**
 * A deposit as the relay has it: a version (u8, 1), an X25519 key that was made for it (32 bytes), and what is sealed under the key of
 * the two: a kind (u8), behind `SIGNED` the sender's public key (32 bytes) and signature (64 bytes), and the data; then the tag.
 */
const VERSION = 1;
const CLEAR_BYTES = 1 + KEY_BYTES;
const ANONYMOUS = 0;
const SIGNED = 1;
const SENDER_BYTES = KEY_BYTES + SIGNATURE_BYTES;

const SALT = utf8("postern-client/1");
const LABEL = utf8("mailbox\0");
const SIGNED_LABEL = utf8("postern mailbox message\n");
/** Each key seals one message. */
const NONCE = new Uint8Array(12);

/** What a deposit has beside its data. */
export const SEALED_BYTES: number = CLEAR_BYTES + 1 + TAG_BYTES;
/** And where its sender has signed it. */
export const SIGNED_SEALED_BYTES: number = SEALED_BYTES + SENDER_BYTES;

/** For whom a deposit is: the mailbox, the key that its owner has published, and the id of the deposit. */
export type Addressed = { readonly mailbox: string; readonly key: Uint8Array; readonly id: string };

/** What a deposit was found to be. */
export type OpenedDeposit = { readonly data: Uint8Array; readonly from: string | undefined };

/** Seals data for the owner of a mailbox. @throws MailboxError `refused` where its key is none; TopicError `identity-unsupported` */
export async function sealDeposit(
  cryptography: Cryptography,
  to: Addressed,
  data: Uint8Array,
  from: KeyPair | undefined,
): Promise<Uint8Array> {
  const once = await newAgreementKey();
  const shared = await agree(once, to.key);
  if (shared === undefined) throw new MailboxError("refused", { cause: "its owner has published a key that is none" });
  const key = await keyOf(cryptography, shared, to, once.publicKey);
  const sender = from === undefined ? Uint8Array.of(ANONYMOUS) : await signatureOf(from, to, once.publicKey, data);
  const frame = joinBytes(Uint8Array.of(VERSION), once.publicKey, sender, data);
  return cryptography.seal(key, frame, CLEAR_BYTES, { nonce: NONCE, additionalData: frame.subarray(0, CLEAR_BYTES) });
}

/** Opens what `sealDeposit` has made. @returns undefined: it is not that, or for another mailbox, or under another id */
export async function openDeposit(
  cryptography: Cryptography,
  keys: OwnerKeys,
  id: string,
  sealed: Uint8Array,
): Promise<OpenedDeposit | undefined> {
  if (sealed[0] !== VERSION || sealed.length < SEALED_BYTES) return undefined;
  const to = { mailbox: keys.publicKey, key: keys.agreement.publicKey, id };
  const once = sealed.slice(1, CLEAR_BYTES);
  const shared = await agree(keys.agreement, once);
  if (shared === undefined) return undefined;
  const how = { nonce: NONCE, additionalData: sealed.subarray(0, CLEAR_BYTES) };
  const key = await keyOf(cryptography, shared, to, once);
  const frame = await cryptography.open(key, sealed, CLEAR_BYTES, how);
  const content = frame?.subarray(CLEAR_BYTES);
  if (content?.[0] === ANONYMOUS) return { data: content.slice(1), from: undefined };
  return content?.[0] === SIGNED ? openSigned(content.subarray(1), to, once) : undefined;
}

async function openSigned(content: Uint8Array, to: Addressed, once: Uint8Array): Promise<OpenedDeposit | undefined> {
  if (content.length < SENDER_BYTES) return undefined;
  const sender = content.slice(0, KEY_BYTES);
  const signature = content.slice(KEY_BYTES, SENDER_BYTES);
  const data = content.slice(SENDER_BYTES);
  return (await isSigned(sender, signature, signedText(to, once, data)))
    ? { data, from: toBase64url(sender) }
    : undefined;
}

/** Bound to the mailbox, to its key, to the key that was made for it, and to the id: so it is good there, and nowhere else. */
async function keyOf(
  cryptography: Cryptography,
  shared: Uint8Array,
  { mailbox, key, id }: Addressed,
  once: Uint8Array,
): Promise<unknown> {
  const info = joinBytes(LABEL, publicKeyBytes(mailbox), key, once, utf8(id));
  return cryptography.deriveKey(await cryptography.source(shared), SALT, info);
}

async function signatureOf(from: KeyPair, to: Addressed, once: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const signature = await sign(from.privateKey, signedText(to, once, data));
  return joinBytes(Uint8Array.of(SIGNED), publicKeyBytes(from.publicKey), signature);
}

/** What the sender signs: that it wrote this, under this id, to this mailbox. No owner can pass it on as written to another. */
function signedText({ mailbox, id }: Addressed, once: Uint8Array, data: Uint8Array): Uint8Array {
  return joinBytes(SIGNED_LABEL, publicKeyBytes(mailbox), once, utf8(`${id}\n`), data);
}
