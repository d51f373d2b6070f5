import { generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readKeySet } from "../../relay/auth/key-set.ts";
import { testKey } from "../support/tokens.ts";

const ANY = { allowSecrets: true };

function pemOf(kind: "ed25519" | "ec" | "rsa", curve = "P-256"): { readonly spki: string; readonly pkcs8: string } {
  const { publicKey, privateKey } =
    kind === "ed25519"
      ? generateKeyPairSync("ed25519")
      : kind === "ec"
        ? generateKeyPairSync("ec", { namedCurve: curve })
        : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const spki = publicKey.export({ format: "pem", type: "spki" }).toString();
  return { spki, pkcs8: privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
}

async function algorithmsIn(text: string): Promise<readonly (readonly string[])[]> {
  const { keys, problems } = await readKeySet(text, ANY);
  expect(problems).toEqual([]);
  return keys.map(({ algorithms }) => algorithms);
}

it("reads a key, a set of keys, and public keys as PEM, one behind the other", async () => {
  const jwks = await Promise.all(
    (["EdDSA", "ES256", "HS256"] as const).map(async (name) => (await testKey(name)).verifying),
  );
  const all = [["EdDSA", "Ed25519"], ["ES256"], ["HS256"]];

  expect(await algorithmsIn(JSON.stringify(jwks[1]))).toEqual([["ES256"]]);
  expect(await algorithmsIn(JSON.stringify({ keys: jwks }, null, 2))).toEqual(all);
  expect(await algorithmsIn(`# ours\n${pemOf("ed25519").spki}\n${pemOf("ec").spki}`)).toEqual(all.slice(0, 2));
});

it("reads PEM whose line breaks became backslash and n, spaces, or nothing, as where a variable is one line", async () => {
  const pems = pemOf("ed25519").spki.trim() + "\n" + pemOf("ec").spki.trim();

  for (const form of ["\\n", "\\r\\n", "\r\n", " ", ""]) {
    expect(await algorithmsIn(pems.replaceAll("\n", form))).toEqual([["EdDSA", "Ed25519"], ["ES256"]]);
  }
});

describe("refuses, and says why without a part of it,", () => {
  const secret = randomBytes(32).toString("base64url");

  it.each([
    ["a private key as PEM", pemOf("ed25519").pkcs8, "private key"],
    ["a public and a private key", pemOf("ec").spki + pemOf("ec").pkcs8, "private key"],
    ["RSA", pemOf("rsa").spki, "neither Ed25519, nor P-256"],
    ["another curve", pemOf("ec", "P-384").spki, "neither Ed25519, nor P-256"],
    ["PEM of something else", "-----BEGIN X-----\nAAAA\n-----END X-----", "no PEM of public keys"],
    ["half a PEM", "-----BEGIN PUBLIC KEY-----\nAAAA", "there is no key"],
    ["text", "nonsense", "neither a JSON Web Key"],
    ["a list", "[]", "neither a JSON Web Key"],
    ["keys that are no list", '{"keys":"all"}', "not a list"],
    ["a secret of 31 bytes", JSON.stringify({ kty: "oct", k: "A".repeat(42) }), "32 to 1024 bytes, this one 31"],
    ["a secret of 1025 bytes", JSON.stringify({ kty: "oct", k: "A".repeat(1367) }), "32 to 1024 bytes, this one 1025"],
    ["a secret that is no base64url", JSON.stringify({ kty: "oct", k: `${secret}+/=` }), "not base64url"],
    ["a secret that is a number", '{"kty":"oct","k":7}', "not base64url"],
    [
      "a secret with another algorithm",
      JSON.stringify({ kty: "oct", k: secret, alg: "EdDSA" }),
      "not that of its kind",
    ],
    ["a key id that is no text", JSON.stringify({ kty: "oct", k: secret, kid: ["a"] }), "kid is not a text"],
    [
      "a key id of 257 characters",
      JSON.stringify({ kty: "oct", k: secret, kid: "x".repeat(257) }),
      "kid is not a text",
    ],
    ["operations without verify", JSON.stringify({ kty: "oct", k: secret, key_ops: ["encrypt"] }), "no verify"],
    ["operations that are a text", JSON.stringify({ kty: "oct", k: secret, key_ops: "verify" }), "no verify"],
    ["a point that is none", '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}', "not a valid key"],
    ["a kind by inheritance", '{"__proto__":{"kty":"oct"}}', "neither Ed25519"],
  ])("%s", async (_what, text, why) => {
    const { keys, problems } = await readKeySet(text, ANY);

    expect(keys).toEqual([]);
    expect(problems[0] ?? "there is no key").toContain(why);
    expect(problems.join()).not.toContain(secret);
  });

  it("more than 100 keys, and takes 100", async () => {
    const key = { kty: "oct", k: secret };

    expect((await readKeySet(JSON.stringify({ keys: Array.from({ length: 100 }, () => key) }), ANY)).keys).toHaveLength(
      100,
    );
    expect(
      (await readKeySet(JSON.stringify({ keys: Array.from({ length: 101 }, () => key) }), ANY)).problems,
    ).toHaveLength(1);
  });
});
