import { RelayError } from "../relay-error.ts";
import { type KeySet, readKeySet } from "./key-set.ts";
import { readText } from "./read-text.ts";
import type { KeySource } from "./token-verifier.ts";

/** Keys that the operator gave: in a variable, or in a file that may be read again. */
export class FixedKeys implements KeySource {
  readonly #read: () => Promise<string>;
  readonly #origin: string;
  #keySet: KeySet | undefined;

  private constructor(origin: string, read: () => Promise<string>) {
    this.#origin = origin;
    this.#read = read;
  }

  static ofText(text: string): FixedKeys {
    return new FixedKeys("AUTH_KEY_SET", () => Promise.resolve(text));
  }

  static ofFile(path: string): FixedKeys {
    return new FixedKeys(`AUTH_KEYS_FILE, ${path}`, () => readText(path, "AUTH_KEYS_FILE"));
  }

  /**
   * Reads the keys, at the start and again. What was read before stays where this fails.
   * @throws RelayError AUTH_UNUSABLE where there is no key, or one that cannot be used: it may be the one that is missed.
   */
  async load(): Promise<void> {
    const keySet = await readKeySet(await this.#read(), { allowSecrets: true });
    const [problem = keySet.keys.length === 0 ? "there is no key" : undefined] = keySet.problems;
    if (problem !== undefined) {
      throw new RelayError("AUTH_UNUSABLE", `${this.#origin}: ${problem}; postern token keygen makes keys`);
    }
    this.#keySet = keySet;
  }

  current(): KeySet | undefined {
    return this.#keySet;
  }

  /** There are no others to be had. */
  refreshed(): Promise<KeySet | undefined> {
    return Promise.resolve(this.#keySet);
  }
}
