import { createHash } from "node:crypto";

/** How many patterns one token may have: more than fit into its 8 KiB would never be met. */
const MAX_PATTERNS = 500;
/** A topic name has up to 256 characters; a prefix has a `*` behind it. */
const MAX_PATTERN_LENGTH = 257;
const HASH_PATTERN = /^sha256:([0-9a-f]{64})$/i;

/**
 * The topics that a grant allows. A pattern is a topic's name; or the beginning of names with `*` behind it; or
 * `sha256:` and the hash of a name in hex, so that whoever issues and carries the token need not know the name.
 */
export class TopicPatterns {
  readonly #names = new Set<string>();
  readonly #prefixes: string[] = [];
  readonly #hashes = new Set<string>();

  private constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const [, hash] = HASH_PATTERN.exec(pattern) ?? [];
      if (hash !== undefined) this.#hashes.add(hash.toLowerCase());
      else if (pattern.endsWith("*")) this.#prefixes.push(pattern.slice(0, -1));
      else this.#names.add(pattern);
    }
  }

  /** @returns undefined where this is no list of patterns. An empty list allows no topic. */
  static read(value: unknown): TopicPatterns | undefined {
    if (!Array.isArray(value) || value.length > MAX_PATTERNS || !value.every(isPattern)) return undefined;
    return new TopicPatterns(value);
  }

  allows(topicName: string): boolean {
    if (this.#names.has(topicName)) return true;
    if (this.#prefixes.some((prefix) => topicName.startsWith(prefix))) return true;
    return this.#hashes.size > 0 && this.#hashes.has(createHash("sha256").update(topicName).digest("hex"));
  }
}

/** Whether this may stand in the claim `topics`. What begins like a hash and is none would be a name by mistake. */
export function isPattern(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || value.length > MAX_PATTERN_LENGTH) return false;
  return !/^sha256:/i.test(value) || HASH_PATTERN.test(value);
}
