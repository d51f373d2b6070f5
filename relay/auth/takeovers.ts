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
    return `${peerHandle}.${this.#codeOf(topicHandle, peerHandle).toString("base64url")}`;
  }

  /**
   * @returns the peerHandle whose secret in this topic this is; undefined: nobody's. Costs the same whatever it holds, and
   * whether there is such a member or not.
   */
  provedBy(secret: string, topicHandle: number): number | undefined {
    const [digits = "", code = ""] = secret.split(".", 2);
    const peerHandle = Number.parseInt(digits, 10);
    const wanted = this.#codeOf(topicHandle, peerHandle);
    const given = Buffer.alloc(CODE_BYTES);
    const isWhole = given.write(code, "base64url") === CODE_BYTES;
    return timingSafeEqual(given, wanted) && isWhole ? peerHandle : undefined;
  }

  #codeOf(topicHandle: number, peerHandle: number): Buffer {
    const mac = createHmac("sha256", this.#key).update(`${topicHandle} ${peerHandle}`).digest();
    return mac.subarray(0, CODE_BYTES);
  }
}
