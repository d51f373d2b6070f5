import type { Mailboxes } from "../../store/mailboxes.ts";
import { NoiseKey } from "./noise.ts";

/** Under which it is kept. */
export const NOISE_KEY_RECORD: { readonly space: string; readonly name: string; readonly owner: string } = {
  space: "noise",
  name: "static-key",
  owner: "relay",
};
const NO_QUOTA = { maxCount: 0, maxBytes: 0 };

/** The relay's Noise key: that of the options, or one that it made and keeps in the store. Clients know it over restarts. */
export class KeptNoiseKey {
  readonly #mailboxes: Mailboxes;
  readonly #text: string;
  #key: Promise<NoiseKey> | undefined;

  /** @param text in hex or base64url; "": the one of the store. */
  constructor(mailboxes: Mailboxes, text: string) {
    this.#mailboxes = mailboxes;
    this.#text = text;
  }

  /** @throws StoreError where it is neither given nor to be had; the next call tries again. */
  get(): Promise<NoiseKey> {
    this.#key ??= this.#find().catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #find(): Promise<NoiseKey> {
    const text = this.#text;
    if (text !== "") return NoiseKey.of(Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? "hex" : "base64url"));
    const { store } = this.#mailboxes;
    const nowMs = this.#mailboxes.nowMs();
    const [kept] = await store.find({ space: NOISE_KEY_RECORD.space, names: [NOISE_KEY_RECORD.name], nowMs });
    if (kept !== undefined) return NoiseKey.of(kept.data);
    const key = NoiseKey.generate();
    const data = Uint8Array.from(key.privateBytes);
    await store.put({ ...NOISE_KEY_RECORD, data, nowMs, expiresAtMs: Number.MAX_SAFE_INTEGER, quota: NO_QUOTA });
    return key;
  }
}
