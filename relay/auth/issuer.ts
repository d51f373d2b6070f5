import { randomUUID } from "node:crypto";
import { exportJWK, generateKeyPair, generateSecret, importJWK, type JWK, SignJWT } from "jose";
import { parseJsonObject } from "../json.ts";
import { RelayError } from "../relay-error.ts";

/** What the relay takes tokens by. */
export const algorithms = ["EdDSA", "ES256", "HS256"] as const;

/** One of them: Ed25519, ECDSA on P-256 with SHA-256, or HMAC with SHA-256 (RFC 7518 section 3.1, RFC 8037 section 3.1). */
export type Algorithm = (typeof algorithms)[number];

/** What a token is to say. */
export type TokenContents = {
  readonly subject: string;
  readonly topics: readonly string[];
  readonly verbs: readonly string[];
  readonly lifetimeSeconds: number;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly rateClass?: string | undefined;
  readonly maxConnections?: number | undefined;
};

/** A new key: what signs, and what the relay is given. For HS256 that is the same. */
export type NewKey = { readonly signing: JWK; readonly verifying: JWK };

/** Makes a key and gives it a random id. */
export async function createKey(algorithm: Algorithm): Promise<NewKey> {
  const described = { kid: randomUUID(), alg: algorithm, use: "sig" };
  if (algorithm === "HS256") {
    const secret = await generateSecret(algorithm, { extractable: true });
    const signing = { ...(await exportJWK(secret)), ...described };
    return { signing, verifying: signing };
  }
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    signing: { ...(await exportJWK(privateKey)), ...described },
    verifying: { ...(await exportJWK(publicKey)), ...described },
  };
}

/**
 * Signs a token. It gets a random id (`jti`), by which it can be revoked.
 * @param keyText the signing key as JSON Web Key.
 * @throws RelayError AUTH_UNUSABLE where the key cannot sign. The message holds nothing of it.
 */
export async function issueToken(keyText: string, contents: TokenContents, nowMs: number): Promise<string> {
  const jwk = parseJsonObject(keyText);
  const algorithm = algorithms.find((name) => name === jwk?.["alg"]);
  if (jwk === undefined || algorithm === undefined) {
    throw new RelayError("AUTH_UNUSABLE", `the key is no JSON Web Key with an alg of ${algorithms.join(", ")}`);
  }
  const { kid } = jwk;
  const { subject, topics, verbs, rateClass, maxConnections, issuer, audience } = contents;
  const issuedAt = Math.floor(nowMs / 1000);
  const token = new SignJWT({ topics, verbs, rateClass, maxConnections })
    .setProtectedHeader({ alg: algorithm, typ: "JWT", ...(typeof kid === "string" ? { kid } : {}) })
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + contents.lifetimeSeconds);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  try {
    return await token.sign(await importJWK(jwk, algorithm));
  } catch (error) {
    throw new RelayError("AUTH_UNUSABLE", "the key cannot sign: give the private one, or the secret", { cause: error });
  }
}
