import { utf8 } from "../data.ts";
import { PresenceSeal } from "../sealing/presence-seal.ts";
import type { Soon } from "../sealing/soon.ts";
import type { Acquaintance, Acquaintances } from "./acquaintances.ts";
import { joinBytes } from "./bytes.ts";
import { isSigned, type PlatformKey, SIGNATURE_BYTES, sign } from "./curves.ts";
import type { PairedKeys } from "./paired-keys.ts";

/** The most that a member with an identity shows of itself: its signature takes the rest. */
export const MAX_SIGNED_PRESENCE_BYTES: number = 744 - SIGNATURE_BYTES;

const DOMAIN = utf8("postern-client/1 presence\0");
/** In front of a presence: its count, and its length. */
const HEAD_BYTES = 8;
const NOTHING: Uint8Array = new Uint8Array();

/** Seals what a member with an identity shows, signed; and opens it once it is known whose it is. */
export class SignedPresenceSeal extends PresenceSeal {
  readonly #topicId: string;
  readonly #keys: PairedKeys;
  readonly #signingKey: PlatformKey;
  /** Only the latest waits: until it is known whose it is, or what was before it is checked. */
  #latest: { readonly opened: Uint8Array; readonly resolve: (verified: Uint8Array | undefined) => void } | undefined;
  #isChecking = false;

  /** @param source the topic's presence key. */
  constructor(acquaintances: Acquaintances, source: unknown, keys: PairedKeys, signingKey: PlatformKey) {
    super(acquaintances.cryptography, source, keys.name);
    this.#topicId = acquaintances.own.topicId;
    this.#keys = keys;
    this.#signingKey = signingKey;
  }

  protected override get signatureBytes(): number {
    return SIGNATURE_BYTES;
  }

  protected override async signed(frame: Uint8Array): Promise<Uint8Array> {
    frame.set(await sign(this.#signingKey, this.#textOf(frame)), frame.length - SIGNATURE_BYTES);
    return frame;
  }

  protected override verified(opened: Uint8Array): Soon<Uint8Array | undefined> {
    const { known } = this.#keys;
    if (known === undefined) return opened;
    this.#latest?.resolve(NOTHING);
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.#latest = { opened, resolve };
    if (!this.#isChecking) void this.#check(known);
    return promise;
  }

  /** One after the other: counts rise. */
  async #check(known: Promise<Acquaintance>): Promise<void> {
    this.#isChecking = true;
    const { keyBytes } = await known;
    for (let next = this.#latest; next !== undefined; next = this.#latest) {
      this.#latest = undefined;
      const { opened, resolve } = next;
      const signature = opened.subarray(opened.length - SIGNATURE_BYTES);
      resolve((await isSigned(keyBytes, signature, this.#textOf(opened))) ? opened : undefined);
    }
    this.#isChecking = false;
  }

  #textOf(frame: Uint8Array): Uint8Array {
    const length = ((frame[HEAD_BYTES - 2] ?? 0) << 8) | (frame[HEAD_BYTES - 1] ?? 0);
    const end = Math.min(HEAD_BYTES + length, frame.length - SIGNATURE_BYTES);
    return joinBytes(DOMAIN, utf8(this.#topicId), utf8(this.#keys.name), frame.subarray(0, end));
  }
}
