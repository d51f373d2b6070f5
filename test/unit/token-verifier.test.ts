import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { FixedKeys } from "../../relay/auth/fixed-keys.ts";
import type { Grant } from "../../relay/auth/grant.ts";
import { MAX_TOKEN_BYTES, type TokenRules, TokenVerifier } from "../../relay/auth/token-verifier.ts";
import { systemClock } from "../../relay/clock.ts";
import { base64url, nowSeconds, rawToken, testKey, token } from "../support/tokens.ts";

const RULES: TokenRules = { issuer: "", audience: "", clockToleranceMs: 30_000, requireExpiry: true };

async function verifierOf(keys: string, rules: Partial<TokenRules> = {}): Promise<TokenVerifier> {
  const source = FixedKeys.ofText(keys);
  await source.load();
  return new TokenVerifier({ clock: systemClock, keys: source }, { ...RULES, ...rules });
}

/** A verifier that has the tests' keys of all three algorithms. */
async function verifier(rules: Partial<TokenRules> = {}): Promise<TokenVerifier> {
  const keys = await Promise.all([testKey("EdDSA"), testKey("ES256"), testKey("HS256")]);
  return verifierOf(JSON.stringify({ keys: keys.map(({ verifying }) => verifying) }), rules);
}

/** What becomes of a token: its subject, or why it is refused. */
async function outcomeOf(presented: string, rules: Partial<TokenRules> = {}): Promise<string> {
  return shown(await (await verifier(rules)).verify(presented));
}

function shown(result: Awaited<ReturnType<TokenVerifier["verify"]>>): string {
  if (!("refusal" in result)) return `grant to ${result.subject}`;
  return result.claim === undefined ? result.refusal : `${result.refusal} (${result.claim})`;
}

async function grantOf(claims: Readonly<Record<string, unknown>>): Promise<Grant> {
  const result = await (await verifier()).verify(await token({ claims }));
  if ("refusal" in result) throw new Error(result.refusal);
  return result;
}

it.each(["EdDSA", "ES256", "HS256"] as const)("takes a token that a key for %s has signed", async (algorithm) => {
  const { signing } = await testKey(algorithm);

  expect(await outcomeOf(await token({ key: signing }))).toBe("grant to alice");
});

it("takes EdDSA under its second name, Ed25519", async () => {
  expect(await outcomeOf(await token({ header: { alg: "Ed25519" } }))).toBe("grant to alice");
});

describe("the algorithm is the key's, never the token's", () => {
  it.each(["none", "None", "NONE", "nOnE", ""])("refuses alg %j with and without a signature", async (alg) => {
    const claims = { sub: "mallory", exp: nowSeconds() + 60, topics: ["*"] };
    const { kid } = (await testKey()).verifying;

    expect(await outcomeOf(rawToken({ alg, kid }, claims))).toBe("malformed");
    expect(await outcomeOf(rawToken({ alg, kid }, claims, "AAAA"))).toMatch(/unknown-key/);
  });

  it("refuses a public key used as the secret of HS256, in every form in which somebody might hold it", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const jwk = publicKey.export({ format: "jwk" });
    const relay = await verifierOf(JSON.stringify(jwk));
    const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
    const secrets = [pem, pem.trim(), JSON.stringify(jwk), publicKey.export({ format: "der", type: "spki" })];
    const raw = Buffer.from(String(jwk.x), "base64url");

    for (const secret of [...secrets, raw, String(jwk.x)]) {
      expect(shown(await relay.verify(hmacToken({ alg: "HS256" }, secret)))).toBe("unknown-key");
    }
    expect(shown(await relay.verify(signedToken({ alg: "EdDSA" }, privateKey)))).toBe("grant to mallory");
  });

  it("refuses RS256, PS256, ES384 and HS512, whatever signs", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

    for (const alg of ["RS256", "PS256", "ES384", "ES256K", "HS384", "HS512"]) {
      expect(await outcomeOf(signedToken({ alg }, privateKey, "sha256"))).toBe("unknown-key");
    }
  });

  it("refuses the key id of one key with the algorithm of another", async () => {
    const { kid } = (await testKey("HS256")).verifying;

    expect(await outcomeOf(await token({ header: { kid } }))).toBe("unknown-key");
  });

  it("refuses a token of another key of the same kind", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const { kid } = (await testKey()).verifying;

    expect(await outcomeOf(signedToken({ alg: "EdDSA", kid }, privateKey))).toBe("bad-signature");
    expect(await outcomeOf(signedToken({ alg: "EdDSA" }, privateKey))).toBe("bad-signature");
  });

  it("takes no key that the token brings along", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const jwk = publicKey.export({ format: "jwk" });

    expect(await outcomeOf(signedToken({ alg: "EdDSA", jwk }, privateKey))).toBe("bad-signature");
    const elsewhere = { jku: "https://attacker.example/keys", x5u: "https://attacker.example/c", x5c: ["MIIB"] };
    expect(await outcomeOf(signedToken({ alg: "EdDSA", ...elsewhere }, privateKey))).toBe("bad-signature");
  });
});

it.each([
  "../../etc/passwd",
  "/dev/zero",
  "http://attacker.example/",
  "' OR 1=1 --",
  "\u0000",
  "__proto__",
  "x".repeat(4000),
])("makes nothing of a key id but a comparison: %j", async (kid) => {
  expect(await outcomeOf(await token({ header: { kid } }))).toBe("unknown-key");
});

describe("claims", () => {
  it.each([
    ["expired (exp)", { exp: nowSeconds() - 60 }],
    ["bad-claims (exp)", { exp: undefined }],
    ["bad-claims (exp)", { exp: "9999999999" }],
    ["bad-claims (exp)", { exp: null }],
    ["bad-claims (exp)", { exp: 1e300 }],
    ["not-yet-valid (nbf)", { nbf: nowSeconds() + 60 }],
    ["bad-claims (nbf)", { nbf: "soon" }],
    ["bad-claims (sub)", { sub: undefined }],
    ["bad-claims (sub)", { sub: "" }],
    ["bad-claims (sub)", { sub: 7 }],
    ["bad-claims (sub)", { sub: "x".repeat(257) }],
    ["bad-claims (jti)", { jti: {} }],
    ["bad-claims (topics)", { topics: undefined }],
    ["bad-claims (topics)", { topics: "*" }],
    ["bad-claims (topics)", { topics: [""] }],
    ["bad-claims (topics)", { topics: [7] }],
    ["bad-claims (topics)", { topics: ["sha256:not-a-hash"] }],
    ["bad-claims (topics)", { topics: Array.from({ length: 501 }, () => "t") }],
    ["bad-claims (verbs)", { verbs: "publish" }],
    ["bad-claims (verbs)", { verbs: [true] }],
    ["bad-claims (rateClass)", { rateClass: "../fast" }],
    ["bad-claims (maxConnections)", { maxConnections: 0 }],
    ["bad-claims (maxConnections)", { maxConnections: -1 }],
    ["bad-claims (maxConnections)", { maxConnections: 1.5 }],
  ])("answers %s to %j", async (refusal, claims) => {
    expect(await outcomeOf(await token({ claims }))).toBe(refusal);
  });

  it("takes a token at the bounds of the clocks' tolerance, and none beyond them", async () => {
    const seconds = nowSeconds();

    expect(await outcomeOf(await token({ claims: { exp: seconds - 25 } }))).toBe("grant to alice");
    expect(await outcomeOf(await token({ claims: { exp: seconds - 35 } }))).toBe("expired (exp)");
    expect(await outcomeOf(await token({ claims: { nbf: seconds + 25 } }))).toBe("grant to alice");
    expect(await outcomeOf(await token({ claims: { nbf: seconds + 35 } }))).toBe("not-yet-valid (nbf)");
  });

  it.each([
    ["wrong-audience (aud)", { aud: "another" }],
    ["wrong-audience (aud)", { aud: ["another", "postern2"] }],
    ["wrong-audience (aud)", { aud: undefined }],
    ["wrong-audience (aud)", { aud: { postern: true } }],
    ["wrong-issuer (iss)", { aud: "postern", iss: "https://attacker.example" }],
    ["wrong-issuer (iss)", { aud: "postern", iss: undefined }],
    ["wrong-issuer (iss)", { aud: "postern", iss: ["https://issuer.example"] }],
    ["grant to alice", { aud: ["another", "postern"] }],
  ])("where both are set, answers %s to %j", async (outcome, claims) => {
    const presented = await token({ claims: { iss: "https://issuer.example", ...claims } });

    expect(await outcomeOf(presented, { audience: "postern", issuer: "https://issuer.example" })).toBe(outcome);
  });

  it("takes a token without end only where the operator wants it so", async () => {
    const endless = await token({ claims: { exp: undefined } });

    expect(await outcomeOf(endless, { requireExpiry: false })).toBe("grant to alice");
  });

  it("counts the last of two claims with one name, as every reader of JSON does", async () => {
    const { signing } = await testKey("HS256");
    const exp = nowSeconds() + 60;
    const claims = `{"sub":"alice","sub":"mallory","topics":["*"],"exp":${exp - 3600},"exp":${exp}}`;
    const secret = Buffer.from(String(signing.k), "base64url");

    expect(await outcomeOf(hmacToken({ alg: "HS256" }, secret, claims))).toBe("grant to mallory");
  });

  it("grants exactly what topics and verbs say", async () => {
    const hash = "sha256:1AB54C98F6D90BE58D2BDFEC4BF6E6D3E4B1B6CCE6A7A98A1B96EB1C6F7BB4DA";
    const { topics, verbs } = await grantOf({ topics: ["lobby", "room-*", hash], verbs: ["join", "administer"] });

    expect(["lobby", "room-", "room-1"].map((name) => topics.allows(name))).toEqual([true, true, true]);
    expect(["lobby2", "Lobby", "room", "a room-1", "", "*", hash].map((name) => topics.allows(name))).toEqual(
      Array(7).fill(false),
    );
    expect([...verbs]).toEqual(["join"]);
  });

  it("allows a topic by the hash of its name, in either case", async () => {
    const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    const lower = await grantOf({ topics: [`sha256:${hash}`] });
    const upper = await grantOf({ topics: [`sha256:${hash.toUpperCase()}`] });

    expect(lower.topics.allows("hello") && upper.topics.allows("hello")).toBe(true);
    expect(lower.topics.allows("hello2")).toBe(false);
  });

  it("grants no topic with an empty list", async () => {
    const { topics } = await grantOf({ topics: [] });

    expect(topics.allows("t")).toBe(false);
  });
});

describe("what is no token", () => {
  it.each(["", ".", "..", "...", "a.b.c", "a.b.c.d", "é.é.é", "eyJhbGciOiJFZERTQSJ9", "{}", " ", "a.b.c\n"])(
    "refuses %j",
    async (text) => {
      expect(await outcomeOf(text)).toBe("malformed");
    },
  );

  it("refuses headers that are no object, types for something else, and what is critical", async () => {
    const claims = { sub: "alice", exp: nowSeconds() + 60, topics: ["*"] };
    const headers: unknown[] = [
      "[]",
      "null",
      '"EdDSA"',
      "7",
      "{",
      { alg: 7 },
      { alg: ["EdDSA"] },
      { alg: "EdDSA", kid: 7 },
    ];
    headers.push({ alg: "EdDSA", typ: "secevent+jwt" }, { alg: "EdDSA", typ: 7 }, { alg: "EdDSA", crit: ["exp"] });
    headers.push({ alg: "EdDSA", b64: false, crit: ["b64"] });

    for (const header of headers) expect(await outcomeOf(rawToken(header, claims, "AAAA"))).toBe("malformed");
  });

  it("refuses a signed text that is no object of claims", async () => {
    const { signing } = await testKey("HS256");
    const secret = Buffer.from(String(signing.k), "base64url");

    for (const claims of ["[]", "null", "7", "{", "\u0000"]) {
      expect(await outcomeOf(hmacToken({ alg: "HS256" }, secret, claims))).toBe("malformed");
    }
  });

  it("reads a token of 8 KiB, and none that is a byte longer, however large", async () => {
    const atBound = await tokenOfLength(MAX_TOKEN_BYTES);

    expect(await outcomeOf(atBound)).toBe("grant to alice");
    expect(await outcomeOf(`${atBound}A`)).toBe("malformed");
    expect(await outcomeOf("a".repeat(4_000_000))).toBe("malformed");
    expect(await outcomeOf(`a.${"a".repeat(4_000_000)}.a`)).toBe("malformed");
  });

  it("refuses a token whose signature was changed or cut, a bit at a time", async () => {
    const whole = await token();
    const [header = "", claims = "", signature = ""] = whole.split(".");
    const bytes = Buffer.from(signature, "base64url");

    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(await outcomeOf(`${header}.${claims}.${base64url(changed)}`)).toBe("bad-signature");
    }
    expect(await outcomeOf(`${header}.${claims}.${base64url(bytes.subarray(0, 63))}`)).toBe("bad-signature");
  });
});

it("tries no more than four keys for a token that names none", async () => {
  const made = Array.from({ length: 5 }, () => generateKeyPairSync("ed25519"));
  const jwks = made.map(({ publicKey }) => publicKey.export({ format: "jwk" }));
  const four = await verifierOf(JSON.stringify({ keys: jwks.slice(0, 4) }));
  const five = await verifierOf(JSON.stringify({ keys: jwks }));
  const presented = signedToken({ alg: "EdDSA" }, made[3]?.privateKey);

  expect(shown(await four.verify(presented))).toBe("grant to mallory");
  expect(shown(await five.verify(presented))).toBe("unknown-key");
});

it("lets nobody in while there are no keys", async () => {
  const keys = { current: () => undefined, refreshed: () => Promise.resolve(undefined) };
  const relay = new TokenVerifier({ clock: systemClock, keys }, RULES);

  expect(shown(await relay.verify(await token()))).toBe("keys-unavailable");
});

function claimsOf(subject: string): string {
  return JSON.stringify({ sub: subject, exp: nowSeconds() + 60, topics: ["*"] });
}

/** A token of mallory's, signed by a MAC with these bytes. */
function hmacToken(header: object, secret: string | Uint8Array, claims = claimsOf("mallory")): string {
  const signed = rawToken(header, claims).slice(0, -1);
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** A token of mallory's, signed with this key. */
function signedToken(header: object, key: KeyObject | undefined, digest?: string): string {
  if (key === undefined) throw new Error("no key");
  const signed = rawToken(header, claimsOf("mallory")).slice(0, -1);
  return `${signed}.${base64url(sign(digest, Buffer.from(signed), key))}`;
}

/** A token of exactly so many bytes: of the rest of three characters to four that base64 leaves, the header takes its part. */
async function tokenOfLength(length: number): Promise<string> {
  for (const typ of ["JWT", "jwt", "at+jwt", "application/at+jwt", undefined]) {
    const bare = await token({ header: typ === undefined ? {} : { typ }, claims: { pad: "" } });
    for (let pad = Math.floor(((length - bare.length) * 3) / 4) - 3; pad < length; pad += 1) {
      const padded = await token({
        header: typ === undefined ? {} : { typ },
        claims: { pad: "x".repeat(Math.max(0, pad)) },
      });
      if (padded.length === length) return padded;
      if (padded.length > length) break;
    }
  }
  throw new Error(`no token of ${length} bytes`);
}
