import { createCipheriv, createDecipheriv, createHash, type KeyObject } from "node:crypto";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { type Cryptography, type Sealing, TAG_BYTES } from "../../client/sealing/cryptography.ts";

type Source = KeyObject;

/** What a wrong implementation does in place of the right thing. */
export type SealingDefect = {
  /** What a key is derived by. */
  readonly derivation?: (salt: Uint8Array, info: Uint8Array) => readonly [Uint8Array, Uint8Array];
  readonly sealing?: (how: Sealing) => Sealing;
  /** Uses what it has decrypted whatever the tag says. */
  readonly ignoresTag?: boolean;
};

/** The real cryptography, which remembers what was sealed under which key and nonce. Share one log among all members. */
export class WatchedCryptography implements Cryptography<Source, KeyObject> {
  readonly #real = new NodeCryptography();
  readonly #log: Map<string, string>;
  readonly #defect: SealingDefect;

  /** @param log by key and nonce, a hash of what was sealed; throws in `seal` are not possible, so look at `reuses`. */
  constructor(log: Map<string, string>, defect: SealingDefect = {}) {
    this.#log = log;
    this.#defect = defect;
  }

  /** How often a nonce was used for two contents. */
  reuses = 0;

  source(material: Uint8Array): KeyObject {
    return this.#real.source(material);
  }

  derive(source: KeyObject, salt: Uint8Array, info: Uint8Array): Uint8Array {
    return this.#real.derive(source, ...this.#derivation(salt, info));
  }

  deriveKey(source: KeyObject, salt: Uint8Array, info: Uint8Array): KeyObject {
    return this.#real.deriveKey(source, ...this.#derivation(salt, info));
  }

  seal(key: KeyObject, frame: Uint8Array, clearBytes: number, how: Sealing): Uint8Array {
    const { nonce, additionalData } = this.#sealing(how);
    const id = `${key.export().toString("hex")} ${Buffer.from(nonce).toString("hex")}`;
    const content = createHash("sha256").update(additionalData).update(frame.subarray(clearBytes)).digest("hex");
    if ((this.#log.get(id) ?? content) !== content) this.reuses += 1;
    this.#log.set(id, content);
    if (this.#defect.ignoresTag !== true) return this.#real.seal(key, frame, clearBytes, { nonce, additionalData });
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const ciphertext = cipher.update(frame.subarray(clearBytes));
    return Buffer.concat([frame.subarray(0, clearBytes), ciphertext, Buffer.alloc(TAG_BYTES)]);
  }

  open(key: KeyObject, frame: Uint8Array, clearBytes: number, how: Sealing): Uint8Array | undefined {
    const { nonce, additionalData } = this.#sealing(how);
    if (this.#defect.ignoresTag !== true) return this.#real.open(key, frame, clearBytes, { nonce, additionalData });
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    const plaintext = decipher.update(frame.subarray(clearBytes, -TAG_BYTES));
    return Buffer.concat([frame.subarray(0, clearBytes), plaintext]);
  }

  #derivation(salt: Uint8Array, info: Uint8Array): readonly [Uint8Array, Uint8Array] {
    return this.#defect.derivation?.(salt, info) ?? [salt, info];
  }

  #sealing(how: Sealing): Sealing {
    return this.#defect.sealing?.(how) ?? how;
  }
}
