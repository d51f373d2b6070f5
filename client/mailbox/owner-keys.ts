import { type MailboxKey, mailboxKeyText, mailboxProofText } from "../../protocol/v1-mailbox-messages.ts";
import { fromBase64url, toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import { joinBytes } from "../identity/bytes.ts";
import { type AgreementKey, isSigned, sign } from "../identity/curves.ts";
import { exportKeyPair, type KeyPair, publicKeyBytes } from "../identity/key-pair.ts";
import type { Cryptography } from "../sealing/cryptography.ts";
import { subtle } from "../sealing/web-cryptography.ts";

const SALT = utf8("postern-client/1");
const LABEL = utf8("mailbox key");
/** RFC 8410 section 7: what stands before the 32 bytes of an X25519 key in PKCS #8. */
const PKCS8_HEAD = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);

/** What the owner of a mailbox has: its key pair, and the X25519 key to which deposits are sealed. */
export class OwnerKeys {
  readonly publicKey: string;
  readonly agreement: AgreementKey;
  readonly #keys: KeyPair;

  private constructor(keys: KeyPair, agreement: AgreementKey) {
    this.publicKey = keys.publicKey;
    this.#keys = keys;
    this.agreement = agreement;
  }

  /**
   * The X25519 key is derived from the private key, so that all devices of the owner have the same one, and none has to keep it.
   * @throws TopicError `key-invalid` where the private key cannot be exported
   */
  static async of(cryptography: Cryptography, keys: KeyPair): Promise<OwnerKeys> {
    const source = await cryptography.source(await exportKeyPair(keys));
    return new OwnerKeys(keys, await agreementKeyOf(await cryptography.derive(source, SALT, LABEL)));
  }

  /** What proves to a relay whose mailbox it is. */
  prove(challenge: { readonly host: string; readonly nonce: string }): Promise<string> {
    return proofOf(this.#keys, challenge);
  }

  /** What tells others to which key to seal. */
  async publication(): Promise<MailboxKey> {
    const key = toBase64url(this.agreement.publicKey);
    const signature = await sign(this.#keys.privateKey, utf8(mailboxKeyText(this.publicKey, key)));
    return { key, signature: toBase64url(signature) };
  }
}

/** The answer to the challenge of a relay. */
export async function proofOf(
  { publicKey, privateKey }: KeyPair,
  challenge: { readonly host: string; readonly nonce: string },
): Promise<string> {
  return toBase64url(await sign(privateKey, utf8(mailboxProofText(publicKey, challenge))));
}

/** The X25519 key of a mailbox, where its owner has signed it. @returns undefined: it is somebody else's word */
export async function checkedKey(publicKey: string, { key, signature }: MailboxKey): Promise<Uint8Array | undefined> {
  const text = utf8(mailboxKeyText(publicKey, key));
  const signed = fromBase64url(signature) ?? new Uint8Array();
  return (await isSigned(publicKeyBytes(publicKey), signed, text)) ? fromBase64url(key) : undefined;
}

/** Of 32 bytes, which RFC 7748 section 5 makes a scalar. */
async function agreementKeyOf(bytes: Uint8Array): Promise<AgreementKey> {
  const pkcs8 = new Uint8Array(joinBytes(PKCS8_HEAD, bytes));
  const privateKey = await subtle().importKey("pkcs8", pkcs8, "X25519", true, ["deriveBits"]);
  // RFC 8037 section 2: both halves, without arithmetic of our own.
  const { x = "" } = await subtle().exportKey("jwk", privateKey);
  return { publicKey: fromBase64url(x) ?? new Uint8Array(), privateKey };
}
