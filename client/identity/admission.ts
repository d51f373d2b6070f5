import { checkedPublicKey } from "./key-pair.ts";

/** Public keys, or who decides on one. */
export type KeyList = Iterable<string> | ((publicKey: string) => boolean | Promise<boolean>);

/** Whom a member wants to see. */
export type AdmissionOptions = {
  /** These alone are shown; left out: everybody. */
  readonly allow?: KeyList | undefined;
  /** These are not. */
  readonly deny?: KeyList | undefined;
  /** Members without an identity are not shown; true with `allow`, and else false, unless it is set. */
  readonly requireIdentity?: boolean | undefined;
};

type Decision = (publicKey: string) => boolean | Promise<boolean>;

/** Decides who is shown. */
export class Admission {
  /** Whether members without an identity are shown. */
  readonly admitsAnonymous: boolean;
  readonly #allows: Decision;
  readonly #denies: Decision;

  /** @throws TopicError `key-invalid` where a list has what is no public key. */
  constructor({ allow, deny, requireIdentity = allow !== undefined }: AdmissionOptions = {}) {
    this.admitsAnonymous = !requireIdentity;
    this.#allows = allow === undefined ? () => true : decisionOf(allow);
    this.#denies = deny === undefined ? () => false : decisionOf(deny);
  }

  /** Whether the owner of this key is shown. A decision that fails is a refusal. Never rejects. */
  async admits(publicKey: string): Promise<boolean> {
    try {
      return (await this.#allows(publicKey)) && !(await this.#denies(publicKey));
    } catch {
      return false;
    }
  }

  /** The same for this key, and nobody else. */
  only(publicKey: string): Admission {
    return new Admission({ allow: (other) => other === publicKey && this.admits(other) });
  }

  /** The same, but for those without an identity. */
  identified(): Admission {
    return new Admission({ allow: (other) => this.admits(other) });
  }
}

function decisionOf(list: KeyList): Decision {
  if (typeof list === "function") return list;
  const keys = new Set(Array.from(list, checkedPublicKey));
  return (publicKey) => keys.has(publicKey);
}
