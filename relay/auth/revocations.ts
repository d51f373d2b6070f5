import { RelayError } from "../relay-error.ts";
import { type Grant, isName } from "./grant.ts";
import { readText } from "./read-text.ts";

/** About 400,000 ids of 36 characters. */
const MAX_FILE_BYTES = 16_777_216;
const LINE = /^(subject|token)[ \t]+(.+)$/;

/**
 * Whose grants do not count any more, though their tokens are in order: a file with a line for each, `subject` or `token`
 * and then the claim `sub` or `jti` as it is. Empty lines and those that begin with `#` do not count.
 */
export class Revocations {
  readonly #path: string;
  #subjects: ReadonlySet<string> = new Set();
  #tokenIds: ReadonlySet<string> = new Set();

  /** @param path "" for none. */
  constructor(path: string) {
    this.#path = path;
  }

  get count(): number {
    return this.#subjects.size + this.#tokenIds.size;
  }

  isRevoked({ subject, tokenId }: Grant): boolean {
    return this.#subjects.has(subject) || (tokenId !== undefined && this.#tokenIds.has(tokenId));
  }

  /**
   * Reads the file, at the start and again. What was read before stays where this fails.
   * @throws RelayError AUTH_UNUSABLE where it cannot be read, or a line cannot be understood: it might revoke somebody.
   */
  async load(): Promise<void> {
    if (this.#path === "") return;
    const text = await readText(this.#path, "AUTH_REVOCATIONS_FILE", MAX_FILE_BYTES);
    const named = { subject: new Set<string>(), token: new Set<string>() };
    for (const [index, raw] of text.split("\n").entries()) {
      const line = raw.trim();
      if (line === "" || line.startsWith("#")) continue;
      const [, kind, name] = LINE.exec(line) ?? [];
      if ((kind !== "subject" && kind !== "token") || !isName(name)) throw notUnderstood(this.#path, index + 1);
      named[kind].add(name);
    }
    this.#subjects = named.subject;
    this.#tokenIds = named.token;
  }
}

function notUnderstood(path: string, lineNumber: number): RelayError {
  const wanted = "a line is `subject <sub>` or `token <jti>`";
  return new RelayError("AUTH_UNUSABLE", `AUTH_REVOCATIONS_FILE, ${path}: line ${lineNumber} says nothing; ${wanted}`);
}
