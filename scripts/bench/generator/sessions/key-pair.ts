import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { Member } from "./session.ts";

/** What stands before 32 bytes of a private key in PKCS #8 (RFC 8410 section 7). */
const PKCS8_HEAD = { x25519: "302e020100300506032b656e04220420", ed25519: "302e020100300506032b657004220420" } as const;

/** A key pair by which a pairwise relay knows a client. */
export type KeyPair = { readonly privateKey: KeyObject; readonly publicBytes: Buffer };

/** The key pair of a member: always the same one, so that its partner knows it without asking. */
export function keyPairOf(curve: keyof typeof PKCS8_HEAD, memberIndex: number): KeyPair {
  const secret = createHash("sha256").update(`bench member ${memberIndex}`).digest();
  const der = Buffer.concat([Buffer.from(PKCS8_HEAD[curve], "hex"), secret]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const { x = "" } = createPublicKey(privateKey).export({ format: "jwk" });
  return { privateKey, publicBytes: Buffer.from(x, "base64url") };
}

/** The other half of a member's pair. */
export function partnerIndexOf({ index, pairSide }: Member): number {
  return pairSide === "b" ? index - 1 : index + 1;
}
