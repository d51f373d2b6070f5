import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importJWK, type JWK, SignJWT } from "jose";
import { onTestFinished } from "vitest";
import { type Algorithm, createKey, type NewKey } from "../../relay/auth/issuer.ts";

/** A key for tokens, made once for each algorithm. */
const keys = new Map<Algorithm, Promise<NewKey>>();

/** The tests' key of an algorithm: the same one at each call. */
export function testKey(algorithm: Algorithm = "EdDSA"): Promise<NewKey> {
  const made = keys.get(algorithm) ?? createKey(algorithm);
  keys.set(algorithm, made);
  return made;
}

/** What a token says, and how it is signed. Claims and headers that are undefined are left out. */
export type TokenOptions = {
  readonly key?: JWK;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
};

/** Signs a token that is good for an hour, of alice, for every topic; but for what the test changes. */
export async function token({ key, claims = {}, header = {} }: TokenOptions = {}): Promise<string> {
  const signing = key ?? (await testKey()).signing;
  const payload = { sub: "alice", exp: nowSeconds() + 3600, topics: ["*"], ...claims };
  const alg = typeof header["alg"] === "string" ? header["alg"] : (signing.alg ?? "");
  return new SignJWT(payload)
    .setProtectedHeader({ kid: signing.kid ?? "", ...header, alg })
    .sign(await importJWK(signing, signing.alg));
}

/** Puts a token together by hand; the parts are JSON values, or text as it is. */
export function rawToken(header: unknown, claims: unknown, signature = ""): string {
  return (
    [header, claims].map((part) => base64url(typeof part === "string" ? part : JSON.stringify(part))).join(".") +
    `.${signature}`
  );
}

export function base64url(text: string | Uint8Array): string {
  return Buffer.from(text).toString("base64url");
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Options of a relay that takes tokens of the tests' keys. */
export async function tokenOptions(algorithm: Algorithm = "EdDSA"): Promise<{ auth: "tokens"; authKeySet: string }> {
  return { auth: "tokens", authKeySet: JSON.stringify((await testKey(algorithm)).verifying) };
}

/** Writes a file that is gone when the test ends. @returns its path. */
export function writeTemporary(name: string, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
