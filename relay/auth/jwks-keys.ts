import type { Logger } from "pino";
import type { Clock, Timer } from "../clock.ts";
import { fetchText } from "./fetch-text.ts";
import { type KeySet, readKeySet } from "./key-set.ts";
import type { KeySource } from "./token-verifier.ts";

const FETCH_TIMEOUT_MS = 5000;
/** Whoever sends tokens of unknown keys makes the relay ask this often, and no oftener. */
const COOLDOWN_MS = 10_000;
/** So many tokens of unknown keys may wait for an answer; further ones are refused, and keep no place from known ones. */
const MAX_WAITING = 64;

/** What tunes the keys of a URL. */
export type JwksOptions = {
  readonly url: string;
  /** Gives PEM that is trusted in place of the public roots; "" for none. @throws RelayError AUTH_UNUSABLE */
  readonly ca: () => Promise<string>;
  /** How often the keys are fetched; a key that was withdrawn is good for so long. */
  readonly refreshMs: number;
  /** How old the keys may become while the URL does not answer; then nobody is let in. */
  readonly maxAgeMs: number;
};

/**
 * The JSON Web Key Set of a URL (RFC 7517 section 5). It is fetched at the start and every `refreshMs`; and, for a key
 * that is not in it, in between: that is how a new key is found.
 */
export class JwksKeys implements KeySource {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #options: JwksOptions;
  #keySet: KeySet | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #waiting = 0;
  #ca = "";
  #timer: Timer | undefined;
  #isFailing = false;
  #fetches = 0;
  #failures = 0;

  constructor(parts: { readonly clock: Clock; readonly log: Logger }, options: JwksOptions) {
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#options = options;
  }

  /**
   * Resolves when the first answer is there, or none came. Without one nobody is let in, until there is.
   * @throws RelayError AUTH_UNUSABLE where the trusted certificates cannot be read.
   */
  async start(): Promise<void> {
    this.#ca = await this.#options.ca();
    this.#timer = this.#clock.every(this.#options.refreshMs, () => void this.#fetchOnce());
    await this.#fetchOnce();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Asks now, whatever the time. @throws as `start` does. */
  async load(): Promise<void> {
    this.#ca = await this.#options.ca();
    await this.#fetchOnce();
  }

  get fetchCount(): number {
    return this.#fetches;
  }

  get failureCount(): number {
    return this.#failures;
  }

  current(): KeySet | undefined {
    const isTooOld = this.#clock.monotonicMs() - this.#fetchedAtMs > this.#options.maxAgeMs;
    return isTooOld ? undefined : this.#keySet;
  }

  async refreshed(): Promise<KeySet | undefined> {
    const isCooling = this.#clock.monotonicMs() - this.#askedAtMs < COOLDOWN_MS;
    if (this.#waiting >= MAX_WAITING || (isCooling && this.#fetching === undefined)) return this.current();
    this.#waiting += 1;
    await this.#fetchOnce();
    this.#waiting -= 1;
    return this.current();
  }

  /** One at a time: who asks meanwhile gets the same answer. */
  #fetchOnce(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    this.#askedAtMs = this.#clock.monotonicMs();
    this.#fetches += 1;
    try {
      const text = await fetchText(this.#clock, this.#options.url, {
        timeoutMs: FETCH_TIMEOUT_MS,
        ca: this.#ca,
      });
      const keySet = await readKeySet(text, { allowSecrets: false });
      // Keys of kinds that are not ours are for others (RFC 7517 section 5); a set without one of ours is a mistake.
      if (keySet.keys.length === 0) throw new Error(keySet.problems[0] ?? "there is no key in the answer");
      this.#keySet = keySet;
      this.#fetchedAtMs = this.#clock.monotonicMs();
      if (this.#isFailing) this.#log.info({ keyCount: keySet.keys.length }, "token keys can be fetched again");
      this.#isFailing = false;
    } catch (error) {
      this.#failures += 1;
      if (!this.#isFailing) {
        const reason = error instanceof Error ? error.message : "unknown";
        this.#log.warn({ reason, hasKeys: this.current() !== undefined }, "token keys cannot be fetched");
      }
      this.#isFailing = true;
    }
  }
}
