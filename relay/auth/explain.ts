import { decodeJwt, decodeProtectedHeader } from "jose";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { AccessRefusal } from "../session/ports.ts";
import type { Revocations } from "./revocations.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** What a token says, nothing of it proved; undefined where it cannot be read. */
export type TokenText = { readonly header: JsonObject; readonly claims: JsonObject };

/** Whether a relay would take a token now, and why not. `claim`: which one does not do. */
export type Verdict =
  | { readonly verdict: "accepted" }
  | { readonly verdict: "refused"; readonly reason: AccessRefusal; readonly claim?: string };

/** Takes a token apart without checking anything. */
export function readToken(token: string): TokenText | undefined {
  try {
    const header: unknown = decodeProtectedHeader(token);
    const claims: unknown = decodeJwt(token);
    return isJsonObject(header) && isJsonObject(claims) ? { header, claims } : undefined;
  } catch {
    return undefined;
  }
}

/** Checks a token as a relay does. */
export async function judge(token: string, verifier: TokenVerifier, revocations: Revocations): Promise<Verdict> {
  const verified = await verifier.verify(token);
  if ("refusal" in verified) {
    const { refusal: reason, claim } = verified;
    return { verdict: "refused", reason, ...(claim === undefined ? {} : { claim }) };
  }
  return revocations.isRevoked(verified) ? { verdict: "refused", reason: "revoked" } : { verdict: "accepted" };
}
