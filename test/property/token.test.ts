import fc from "fast-check";
import { expect, it } from "vitest";
import { FixedKeys } from "../../relay/auth/fixed-keys.ts";
import { readGrant } from "../../relay/auth/grant.ts";
import { presentedToken } from "../../relay/auth/presented-token.ts";
import { TokenVerifier } from "../../relay/auth/token-verifier.ts";
import { TopicPatterns } from "../../relay/auth/topic-patterns.ts";
import { systemClock } from "../../relay/clock.ts";
import { rawToken, testKey, token } from "../support/tokens.ts";

const keys = FixedKeys.ofText(
  JSON.stringify({ keys: [(await testKey()).verifying, (await testKey("HS256")).verifying] }),
);
await keys.load();
const rules = { issuer: "", audience: "", clockToleranceMs: 0, requireExpiry: false };
const verifier = new TokenVerifier({ clock: systemClock, keys }, rules);
const good = await token();
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

it("refuses every text, and every header and claims without a signature, and never throws", async () => {
  const parts = fc.tuple(fc.jsonValue(), fc.jsonValue(), fc.stringMatching(/^[A-Za-z0-9_-]{0,90}$/));
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    parts.map(([header, claims, end]) => rawToken(header, claims, end)),
  );
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      expect(await verifier.verify(text)).toHaveProperty("refusal");
    }),
    { numRuns: 2000 },
  );
});

it("refuses a good token of which any character is another, left out or doubled", async () => {
  const at = fc.nat(good.length - 1);
  const change = fc.oneof(
    fc.constantFrom("", "."),
    fc.constantFrom(...BASE64URL.split("")),
    fc.string({ maxLength: 3 }),
  );
  await fc.assert(
    fc.asyncProperty(at, change, async (index, text) => {
      const changed = good.slice(0, index) + text + good.slice(index + 1);
      // The last character of a part has bits that stand for nothing: there another one may say the same.
      const isSame = changed.split(".").every((part, number) => sameBytes(part, good.split(".")[number] ?? ""));
      fc.pre(!isSame);
      expect(await verifier.verify(changed)).toHaveProperty("refusal");
    }),
    { numRuns: 1000 },
  );
});

/** No date is as early as this. */
const TOO_EARLY = {
  sub: "!",
  jti: undefined,
  exp: -8_640_000_000_000.001,
  topics: [],
  verbs: [],
  rateClass: undefined,
  maxConnections: undefined,
};

it("makes of any claims a grant whose every part is inside its bounds, or names the one that is not", () => {
  const value = fc.oneof(fc.jsonValue(), fc.array(fc.string()), fc.string(), fc.double(), fc.constant(undefined));
  const claims = fc.record({
    sub: value,
    jti: value,
    exp: value,
    topics: value,
    verbs: value,
    rateClass: value,
    maxConnections: value,
  });
  fc.assert(
    fc.property(claims, (said) => {
      const grant = readGrant(said);
      if ("badClaim" in grant) {
        expect(Object.keys(said)).toContain(grant.badClaim);
        return;
      }
      expect(grant.subject.length).toBeGreaterThan(0);
      expect(grant.subject.length).toBeLessThanOrEqual(256);
      expect(new Date(grant.expiresAtMs ?? 0).getTime()).not.toBeNaN();
      expect(grant.maxConnections ?? 1).toBeGreaterThanOrEqual(1);
    }),
    { numRuns: 2000, examples: [[TOO_EARLY]] },
  );
});

it("allows a topic exactly where its name, a beginning of it or its hash is in the list", () => {
  const name = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom("a", "b", "*", ":") });
  fc.assert(
    fc.property(fc.array(name, { maxLength: 4 }), name, (patterns, topic) => {
      const expected = patterns.some((pattern) =>
        pattern.endsWith("*") ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern,
      );
      expect(TopicPatterns.read(patterns)?.allows(topic)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

it("finds in any headers one token, none, or that it is not clear which", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((end) => `Bearer ${end}`),
    fc.string().map((end) => `a, postern.token.${end}`),
  );
  fc.assert(
    fc.property(fc.record({ authorization: text, "sec-websocket-protocol": text }, { requiredKeys: [] }), (headers) => {
      const presented = presentedToken(headers);
      if (typeof presented === "object") expect(presented.token.length).toBeGreaterThan(0);
      else expect([undefined, "ambiguous"]).toContain(presented);
    }),
    { numRuns: 2000 },
  );
});

function sameBytes(one: string, other: string): boolean {
  return Buffer.from(one, "base64url").equals(Buffer.from(other, "base64url"));
}
