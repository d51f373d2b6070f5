import { fromBase64url, toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import { type Cryptography, type Sealing, TAG_BYTES } from "./cryptography.ts";
import { type Soon, whenHere } from "./soon.ts";

const COUNT_BYTES = 6;
const LENGTH_BYTES = 2;
/** What is shown has one of three sizes: with count, length and tag, 256, 512 or 768 bytes. */
const PADDED_BYTES: readonly number[] = [234, 490, 746];
const NONE = new Uint8Array();

/**
 * Seals what one session shows of itself on one connection. Sealed, it is `count u48`, and then `length u16, presence, zeros` and the
 * tag, as base64url. The nonce is `u48 0, count`; nothing else is bound, as the key is of the connection's name.
 */
export class PresenceSeal<Source = unknown, Key = unknown> {
  readonly #cryptography: Cryptography<Source, Key>;
  readonly #key: () => Soon<Key>;
  #derived: Soon<Key> | undefined;
  #sealedCount = 0;
  #openedCount = 0;

  /** @param source the topic's presence key. */
  constructor(cryptography: Cryptography<Source, Key>, source: Source, name: string) {
    this.#cryptography = cryptography;
    this.#key = () => (this.#derived ??= cryptography.deriveKey(source, utf8(name), utf8("presence")));
  }

  /** So many bytes at the end of the padding are not zeros. */
  protected get signatureBytes(): number {
    return 0;
  }

  /** Signs what is to be sealed, in place, where it has room for a signature. */
  protected signed(frame: Uint8Array): Soon<Uint8Array> {
    return frame;
  }

  /** Checks what was opened. @returns undefined: the signature is wrong; empty: something newer has taken its place */
  protected verified(opened: Uint8Array): Soon<Uint8Array | undefined> {
    return opened;
  }

  /** @param presence at most 744 bytes, with the signature. */
  seal(presence: Uint8Array): Soon<string> {
    this.#sealedCount += 1;
    const needed = LENGTH_BYTES + presence.byteLength + this.signatureBytes;
    const size = PADDED_BYTES.find((padded) => padded >= needed) ?? 0;
    const frame = new Uint8Array(COUNT_BYTES + size);
    new DataView(frame.buffer).setUint32(2, this.#sealedCount);
    frame[COUNT_BYTES] = presence.byteLength >>> 8;
    frame[COUNT_BYTES + 1] = presence.byteLength;
    frame.set(presence, COUNT_BYTES + LENGTH_BYTES);
    const how = sealingOf(frame);
    return whenHere(this.signed(frame), (signed) =>
      whenHere(this.#key(), (key) =>
        whenHere(this.#cryptography.seal(key, signed, COUNT_BYTES, how), (sealed) => toBase64url(sealed)),
      ),
    );
  }

  /** @returns undefined: it is not of this connection, was changed, or is no newer than what was opened before; empty: it is not needed */
  open(text: string): Soon<Uint8Array | undefined> {
    const sealed = fromBase64url(text);
    const size = (sealed?.byteLength ?? 0) - COUNT_BYTES - TAG_BYTES;
    if (sealed === undefined || !PADDED_BYTES.includes(size)) return undefined;
    const how = sealingOf(sealed);
    return whenHere(this.#key(), (key) =>
      whenHere(this.#cryptography.open(key, sealed, COUNT_BYTES, how), (opened) =>
        whenHere(opened && this.verified(opened), (verified) =>
          verified === undefined || verified.byteLength === 0 ? verified : this.#accept(verified),
        ),
      ),
    );
  }

  #accept(opened: Uint8Array): Uint8Array | undefined {
    const view = new DataView(opened.buffer, opened.byteOffset, opened.byteLength);
    const count = view.getUint16(0) * 2 ** 32 + view.getUint32(2);
    const length = view.getUint16(COUNT_BYTES);
    const end = COUNT_BYTES + LENGTH_BYTES + length;
    if (count <= this.#openedCount || end > opened.byteLength) return undefined;
    this.#openedCount = count;
    return opened.slice(COUNT_BYTES + LENGTH_BYTES, end);
  }
}

function sealingOf(frame: Uint8Array): Sealing {
  const nonce = new Uint8Array(12);
  nonce.set(frame.subarray(0, COUNT_BYTES), 6);
  return { nonce, additionalData: NONE };
}
