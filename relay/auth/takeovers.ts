import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** 128 bits: nobody guesses it. */
const CODE_BYTES = 16;

/** A membership, as far as it is to be proved. */
type Membership = { readonly topicHandle: number; readonly peerHandle: number };

/**
 * The secrets by which a client proves to this process that a membership is its own: `<peerHandle>.<code>`. Nothing is
 * kept for them: the code is made from the handles and a key that ends with the process.
 */
export class Takeovers {
  readonly #key: Buffer;

  /** @param key 32 bytes. */
  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  /** The secret of a membership. */
  secretOf({ topicHandle, peerHandle }: Membership): string {
    const mac = createHmac("sha256", this.#key).update(`${topicHandle} ${peerHandle}`).digest();
    return `${peerHandle}.${mac.subarray(0, CODE_BYTES).toString("base64url")}`;
  }

  /**
   * @returns the peerHandle whose secret in this topic this is; undefined: nobody's. Costs the same whatever it holds, and
   * whether there is such a member or not.
   */
  provedBy(secret: string, topicHandle: number): number | undefined {
    const peerHandle = Number.parseInt(secret, 10);
    const wanted = Buffer.from(this.secretOf({ topicHandle, peerHandle }));
    const given = Buffer.from(secret);
    return given.length === wanted.length && timingSafeEqual(given, wanted) ? peerHandle : undefined;
  }
}
