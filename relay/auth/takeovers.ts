import { createHmac, randomBytes } from "node:crypto";

/** 128 bits: nobody guesses it. */
const CODE_BYTES = 16;

/** A membership, as far as it is to be proved. */
type Membership = { readonly topicHandle: number; readonly peerHandle: number };

/**
 * Makes the secrets by which a client proves to this process that a membership is its own: `<peerHandle>.<code>`. Nothing
 * is kept for them: the code is made from the handles and a key that ends with the process.
 */
export function createTakeovers(key: Buffer = randomBytes(32)): (membership: Membership) => string {
  return ({ topicHandle, peerHandle }) => {
    const mac = createHmac("sha256", key).update(`${topicHandle} ${peerHandle}`).digest();
    return `${peerHandle}.${mac.subarray(0, CODE_BYTES).toString("base64url")}`;
  };
}
