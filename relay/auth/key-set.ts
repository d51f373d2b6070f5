import { createPublicKey } from "node:crypto";
import { type CryptoKey, importJWK, type JWK } from "jose";
import { isJsonObject, type JsonObject, parseJsonObject } from "../json.ts";

/** RFC 7518 section 3.2: a key for HS256 has at least the size of the hash. */
const MIN_SECRET_BYTES = 32;
const MAX_SECRET_BYTES = 1024;
const MAX_KEYS = 100;
const MAX_KEY_ID_LENGTH = 256;

/** A key that tokens may be signed with, and the algorithms it is for. The key alone decides on them, never the token. */
export type VerificationKey = {
  readonly keyId: string | undefined;
  readonly algorithms: readonly string[];
  readonly key: CryptoKey | Uint8Array;
};

/** The keys of a file, a variable or a URL; and, for each that was passed over, why. */
export type KeySet = { readonly keys: readonly VerificationKey[]; readonly problems: readonly string[] };

/** Which keys may be taken: at a URL, where many can read, a shared secret is none. */
export type KeySetOptions = { readonly allowSecrets: boolean };

/**
 * Reads a JSON Web Key (RFC 7517), a set of them, or public keys as PEM: Ed25519, P-256, or a secret for HS256.
 * No problem names a part of a key.
 */
export async function readKeySet(text: string, options: KeySetOptions): Promise<KeySet> {
  const found = text.includes("-----BEGIN ") ? pemKeys(text) : jsonKeys(text);
  if (typeof found === "string") return { keys: [], problems: [found] };
  if (found.length > MAX_KEYS) return { keys: [], problems: [`there are more than ${MAX_KEYS} keys`] };
  const keys: VerificationKey[] = [];
  const problems: string[] = [];
  for (const [index, jwk] of found.entries()) {
    const key = await readKey(jwk, options);
    if (typeof key === "string") problems.push(`key ${index + 1}: ${key}`);
    else keys.push(key);
  }
  return { keys, problems };
}

function jsonKeys(text: string): readonly unknown[] | string {
  const object = parseJsonObject(text);
  if (object === undefined) return "it is neither a JSON Web Key, nor a set of them, nor PEM";
  const { keys } = object;
  if (keys === undefined) return [object];
  return Array.isArray(keys) ? keys : "its member keys is not a list";
}

function pemKeys(text: string): readonly unknown[] | string {
  if (text.includes("PRIVATE KEY-----")) return "it holds a private key; give the relay the public one";
  const blocks = text.matchAll(/-----BEGIN ([A-Z ]+)-----([^-]*)-----END \1-----/g);
  try {
    return [...blocks].map(([, label = "", body = ""]) => {
      return createPublicKey(`-----BEGIN ${label}-----\n${onLines(body)}\n-----END ${label}-----\n`).export({
        format: "jwk",
      });
    });
  } catch {
    return "it is no PEM of public keys";
  }
}

/** RFC 7468 section 2. Where a variable is one line, the breaks come as backslash and n, as spaces, or not at all. */
function onLines(body: string): string {
  const base64 = body.replace(/\\[rn]|\s/g, "");
  return base64.match(/.{1,64}/g)?.join("\n") ?? "";
}

/** @returns the key, or why it is passed over. */
async function readKey(value: unknown, { allowSecrets }: KeySetOptions): Promise<VerificationKey | string> {
  if (!isJsonObject(value)) return "it is no JSON Web Key";
  const { kid, alg, use, key_ops: operations } = value;
  const algorithms = algorithmsOf(value);
  if (algorithms === undefined) return "it is neither Ed25519, nor P-256, nor a secret (kty oct)";
  if (alg !== undefined && !algorithms.some((algorithm) => algorithm === alg)) return "its alg is not that of its kind";
  if (use !== undefined && use !== "sig") return "its use is not sig";
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("verify"))) {
    return "its key_ops has no verify";
  }
  if (kid !== undefined && !(typeof kid === "string" && kid !== "" && kid.length <= MAX_KEY_ID_LENGTH)) {
    return `its kid is not a text of 1 to ${MAX_KEY_ID_LENGTH} characters`;
  }
  if (value["kty"] !== "oct" && value["d"] !== undefined) return "it is a private key; give the relay the public one";
  if (value["kty"] === "oct" && !allowSecrets) return "it is a shared secret, which must not be at a URL";
  const key = await importKey(value, algorithms[0]);
  return typeof key === "string" ? key : { keyId: kid, algorithms, key };
}

/** What a key of this kind signs with; RFC 9864 gives EdDSA with Ed25519 a second name. */
function algorithmsOf({ kty, crv }: JsonObject): readonly [string, ...string[]] | undefined {
  if (kty === "OKP" && crv === "Ed25519") return ["EdDSA", "Ed25519"];
  if (kty === "EC" && crv === "P-256") return ["ES256"];
  if (kty === "oct") return ["HS256"];
  return undefined;
}

async function importKey(
  { kty, crv, x, y, k }: JsonObject,
  algorithm: string,
): Promise<CryptoKey | Uint8Array | string> {
  if (kty === "oct") return importSecret(k);
  // The parts of a public key and no other: what else an object holds is not for the import.
  const jwk: JWK = { kty: String(kty), crv: String(crv), x: String(x), ...(kty === "EC" ? { y: String(y) } : {}) };
  try {
    return await importJWK(jwk, algorithm);
  } catch {
    return "it is not a valid key of its kind";
  }
}

function importSecret(k: unknown): Uint8Array | string {
  if (typeof k !== "string" || !/^[A-Za-z0-9_-]+$/.test(k)) return "its k is not base64url";
  const secret = Buffer.from(k, "base64url");
  if (secret.length >= MIN_SECRET_BYTES && secret.length <= MAX_SECRET_BYTES) return new Uint8Array(secret);
  return `a secret has ${MIN_SECRET_BYTES} to ${MAX_SECRET_BYTES} bytes, this one ${secret.length}`;
}
