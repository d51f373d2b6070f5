import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { bytesOf, isCompleteToken, readMemberToken } from "../../relay/dialects/mesh/member-token.ts";

type Vector = { readonly token: string; readonly signed: string };

/** Made by canonical_tokens.py beside it, with the json that founders and the original use. */
const vectors = JSON.parse(
  readFileSync(new URL("../conformance/mesh/canonical-tokens.json", import.meta.url), "utf8"),
) as readonly Vector[];

const GOOD = '"mesh_id":"m","issuer_id":"i","nonce":"n","signature":"AA=="';

function read(text: string): ReturnType<typeof readMemberToken> {
  return readMemberToken(JSON.parse(text), Buffer.from(text));
}

it("[MESH-6] signs the very bytes that Python's json.dumps writes, of any names, order, escapes and numbers", () => {
  const signed = vectors.map(({ token }) => {
    const found = read(token);
    return typeof found === "string" ? found : Buffer.from(found.signed).toString();
  });

  expect(signed).toEqual(vectors.map((vector) => vector.signed));
  expect(vectors).toHaveLength(100);
});

it.each([
  ["1e300", "a float that would be written with an exponent"],
  ["1e16", "a large float"],
  ["0.00001", "a small float"],
  ['"1795199191"', "a time in quotes"],
  ["true", "no number"],
  ["[1]", "a list"],
  ["null", "an end that is null"],
])("[MESH-6] does not guess how %s is written: %s", (number) => {
  expect(read(`{${GOOD},"expires_at":${number}}`)).toBe("Invalid token: a field is not what it takes");
});

it("[MESH-6] of a field that comes twice takes the last one, as parsers do, for its value and for its digits", () => {
  const token = read(`{${GOOD},"expires_at":1.50,"expires_at":7,"node_id":"x","node_id":null,"\\u006eonce":"o"}`);

  expect(token).toMatchObject({ expiresAt: 7, nodeId: null, nonce: "o" });
});

it.each([
  ["null"],
  ['"test-token"'],
  ["[]"],
  ["{}"],
  ['{"value":"v","nonce":"n","timestamp":1}'],
  ['{"mesh_id":"m","issuer_id":"i","nonce":"","signature":"AA=="}'],
])("takes %s for no complete token", (text) => {
  expect([isCompleteToken(JSON.parse(text)), read(text)]).toEqual([false, "Missing required token fields"]);
});

it.each([
  [`{${GOOD},"node_id":5}`],
  [`{${GOOD},"capabilities":"llm"}`],
  [`{${GOOD},"capabilities":[1]}`],
  [`{${GOOD},"capabilities":null}`],
  [`{${GOOD.replace('"m"', '["m"]')}}`],
  [`{${GOOD.replace('"m"', `"${"m".repeat(129)}"`)}}`],
  [`{${GOOD.replace('"AA=="', "5")}}`],
  [`{${GOOD},"capabilities":[${'"a",'.repeat(64)}"a"]}`],
])("takes %s for malformed", (text) => {
  expect(read(text)).toBe("Invalid token: a field is not what it takes");
});

it("reads base64 of just the right length, and in the one way that it is written", () => {
  expect(bytesOf("AAE=", 2)).toEqual(Buffer.of(0, 1));
  for (const text of ["AAE", "AAF=", "AAE= ", "AA==", "_-8=", ""]) expect(bytesOf(text, 2)).toBeUndefined();
});
