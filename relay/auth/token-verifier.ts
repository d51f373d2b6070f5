import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import type { Clock } from "../clock.ts";
import type { AccessRefusal } from "../session/ports.ts";
import { type Grant, readGrant } from "./grant.ts";
import type { KeySet, VerificationKey } from "./key-set.ts";

/** A token fits into a header with room for the rest of the request. */
export const MAX_TOKEN_BYTES = 8192;
/** With no `kid` in a token every key of its algorithm may be meant, and each try costs a signature. */
const MAX_CANDIDATES = 4;
/** RFC 7519 section 5.1 and RFC 9068 section 2.1; another type is a token for something else. */
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt", "application/at+jwt"]);
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Where keys come from. Implemented by fixed-keys.ts and jwks-keys.ts. */
export interface KeySource {
  /** What is known now; undefined where nothing is, and nobody may be let in. */
  current(): KeySet | undefined;
  /** What is known after asking anew, as far as that may be done now: for a key that is not there. Never rejects. */
  refreshed(): Promise<KeySet | undefined>;
}

/** What tokens have to say. "" asks for nothing. */
export type TokenRules = {
  readonly issuer: string;
  readonly audience: string;
  readonly clockToleranceMs: number;
  readonly requireExpiry: boolean;
};

/** Which part of a token does not do: `claim` where it is one. */
export type TokenRefusal = { readonly refusal: AccessRefusal; readonly claim?: string };

/** Checks tokens: JSON Web Tokens (RFC 7519) with a signature, as RFC 8725 wants them checked. */
export class TokenVerifier {
  readonly #clock: Clock;
  readonly #keys: KeySource;
  readonly #rules: TokenRules;

  constructor(parts: { readonly clock: Clock; readonly keys: KeySource }, rules: TokenRules) {
    this.#clock = parts.clock;
    this.#keys = parts.keys;
    this.#rules = rules;
  }

  /** @returns what the token grants, or why it does not do. Never rejects. */
  async verify(token: string): Promise<Grant | TokenRefusal> {
    const header = readHeader(token);
    if (header === undefined) return { refusal: "malformed" };
    const known = this.#keys.current();
    const result = await this.#verifyByAny(token, header, known);
    if (!mayNeedNewKey(result, header, known)) return result;
    const keySet = await this.#keys.refreshed();
    if (keySet === undefined) return { refusal: "keys-unavailable" };
    return keySet === known ? result : this.#verifyByAny(token, header, keySet);
  }

  async #verifyByAny(token: string, header: Header, keySet: KeySet | undefined): Promise<Grant | TokenRefusal> {
    const candidates = candidatesOf(keySet, header);
    if (candidates.length === 0 || candidates.length > MAX_CANDIDATES) return { refusal: "unknown-key" };
    let result: Grant | TokenRefusal = { refusal: "bad-signature" };
    for (const candidate of candidates) {
      result = await this.#verifyBy(token, candidate);
      if (!("refusal" in result) || result.refusal !== "bad-signature") return result;
    }
    return result;
  }

  async #verifyBy(token: string, { key, algorithms }: VerificationKey): Promise<Grant | TokenRefusal> {
    const { issuer, audience, clockToleranceMs, requireExpiry } = this.#rules;
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [...algorithms],
        currentDate: new Date(this.#clock.epochMs()),
        clockTolerance: clockToleranceMs / 1000,
        requiredClaims: requireExpiry ? ["sub", "exp"] : ["sub"],
        ...(issuer === "" ? {} : { issuer }),
        ...(audience === "" ? {} : { audience }),
      });
      const grant = readGrant(payload);
      return "badClaim" in grant ? { refusal: "bad-claims", claim: grant.badClaim } : grant;
    } catch (error) {
      return refusalOf(error);
    }
  }
}

type Header = { readonly algorithm: string; readonly keyId: string | undefined };

/** Reads of the header what finds the key, and nothing else: the key decides on the rest. */
function readHeader(token: string): Header | undefined {
  if (token.length > MAX_TOKEN_BYTES || !COMPACT_JWS.test(token)) return undefined;
  try {
    const { alg, kid, typ, crit } = decodeProtectedHeader(token);
    // RFC 7515 section 4.1.11: what is critical and not understood is refused. Nothing is understood here.
    if (crit !== undefined || typeof alg !== "string") return undefined;
    if (typ !== undefined && !(typeof typ === "string" && TYPES.has(typ.toLowerCase()))) return undefined;
    return kid === undefined || typeof kid === "string" ? { algorithm: alg, keyId: kid } : undefined;
  } catch {
    return undefined;
  }
}

/** A `kid` is compared and never used for anything else: no file, no URL, no query is made of it. */
function candidatesOf(keySet: KeySet | undefined, { algorithm, keyId }: Header): readonly VerificationKey[] {
  return (keySet?.keys ?? []).filter(
    (key) =>
      key.algorithms.includes(algorithm) && (keyId === undefined || key.keyId === undefined || key.keyId === keyId),
  );
}

/** Whether a key that is not known yet may have signed it: none fits, or those that fit were not named by the token. */
function mayNeedNewKey(result: Grant | TokenRefusal, header: Header, keySet: KeySet | undefined): boolean {
  if (!("refusal" in result)) return false;
  if (result.refusal === "unknown-key") return true;
  const isNamed = header.keyId !== undefined && keySet?.keys.some(({ keyId }) => keyId === header.keyId) === true;
  return result.refusal === "bad-signature" && !isNamed;
}

function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof errors.JWTExpired) return { refusal: "expired", claim: "exp" };
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim } = error;
    if (claim === "iss") return { refusal: "wrong-issuer", claim };
    if (claim === "aud") return { refusal: "wrong-audience", claim };
    if (claim === "nbf" && error.reason === "check_failed") return { refusal: "not-yet-valid", claim };
    return { refusal: "bad-claims", claim };
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return { refusal: "bad-signature" };
  return { refusal: "malformed" };
}
