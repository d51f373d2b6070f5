import { generateKeyPairSync } from "node:crypto";
import { pino } from "pino";
import { expect, it } from "vitest";
import { createKey } from "../../relay/auth/issuer.ts";
import { JwksKeys, type JwksOptions } from "../../relay/auth/jwks-keys.ts";
import { TokenVerifier } from "../../relay/auth/token-verifier.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeIssuer } from "../support/fake-issuer.ts";
import { collector } from "../support/relay.ts";
import { testKey, token } from "../support/tokens.ts";

const published = (await testKey()).verifying;

/** Keys of an issuer, and a verifier that has them. Its monotonic time stands still; the calendar is the machine's. */
async function openKeys(issuer: FakeIssuer, options: Partial<JwksOptions> = {}) {
  const clock = new FakeClock();
  const written: string[] = [];
  const keys = new JwksKeys(
    { clock, log: pino(collector(written)) },
    { url: issuer.url, ca: () => Promise.resolve(issuer.ca), refreshMs: 300_000, maxAgeMs: 3_600_000, ...options },
  );
  const rules = { issuer: "", audience: "", clockToleranceMs: 0, requireExpiry: false };
  const verifier = new TokenVerifier({ clock, keys }, rules);
  async function outcome(presented: string): Promise<string> {
    const result = await verifier.verify(presented);
    return "refusal" in result ? result.refusal : "granted";
  }
  const log = (): string => written.join("");
  return { clock, keys, outcome, log };
}

/** A token without times: the verifier's calendar stands still. */
async function timeless(key = testKey()): Promise<string> {
  return token({ key: (await key).signing, claims: { exp: undefined } });
}

it("takes tokens by the keys that an issuer publishes, and asks once for any number of tokens", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying, (await testKey("ES256")).verifying]);
  const { keys, outcome } = await openKeys(issuer);

  await keys.start();
  const presented = await timeless();
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcome(presented)));

  expect(new Set(outcomes)).toEqual(new Set(["granted"]));
  expect(await outcome(await timeless(testKey("ES256")))).toBe("granted");
  expect(issuer.requestCount).toBe(1);
});

it("finds a new key when it is first met, and forgets a withdrawn one with the next answer", async () => {
  const rotated = await createKey("EdDSA");
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  issuer.keys = [rotated.verifying];
  clock.advance(10_000);

  expect(await outcome(await timeless())).toBe("granted");
  expect(await outcome(await timeless(Promise.resolve(rotated)))).toBe("granted");
  expect(await outcome(await timeless())).toBe("unknown-key");
  expect(issuer.requestCount).toBe(2);
});

it("finds a new key although one without a name is known, and although a token names none", async () => {
  const [unnamed, rotated] = [await createKey("EdDSA"), await createKey("EdDSA")];
  const { kid: _name, ...nameless } = unnamed.verifying;
  const issuer = await FakeIssuer.start([nameless]);
  for (const presented of [
    await timeless(Promise.resolve(rotated)),
    await token({ key: rotated.signing, claims: { exp: undefined }, header: { kid: undefined } }),
  ]) {
    issuer.keys = [nameless];
    const { clock, keys, outcome } = await openKeys(issuer);
    await keys.start();
    issuer.keys = [rotated.verifying];
    clock.advance(10_000);

    expect(await outcome(presented)).toBe("granted");
  }
});

it("does not ask for keys because of a forged signature under the name of a known one", async () => {
  const [known, forger] = [await testKey(), await createKey("EdDSA")];
  const issuer = await FakeIssuer.start([known.verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  clock.advance(10_000);

  const { kid = "" } = known.verifying;
  const forged = await token({ key: { ...forger.signing, kid }, claims: { exp: undefined } });

  expect([await outcome(forged), issuer.requestCount]).toEqual(["bad-signature", 1]);
});

it("forgets a withdrawn key without being asked for another, after the interval", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  issuer.keys = [(await testKey("ES256")).verifying];

  clock.advance(300_000);

  await eventually(async () => expect(await outcome(await timeless())).toBe("unknown-key"));
});

it("asks at once when the operator wants it, and not again after it has stopped", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  issuer.keys = [(await testKey("ES256")).verifying];

  await keys.load();
  expect([await outcome(await timeless()), issuer.requestCount]).toEqual(["unknown-key", 2]);
  keys.stop();
  clock.advance(3_600_000);

  expect(keys.fetchCount).toBe(2);
});

it("asks no oftener than every 10 s, however many tokens of unknown keys come", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  const stranger = await timeless(createKey("EdDSA"));

  for (let seconds = 0; seconds < 30; seconds += 1) {
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcome(stranger)));
    expect(new Set(outcomes)).toEqual(new Set(["unknown-key"]));
    clock.advance(1000);
  }

  // At 0 s by the start, and at 10 s and 20 s.
  expect(issuer.requestCount).toBe(3);
});

it("lets 64 tokens wait for a slow issuer, refuses more at once, and takes known keys meanwhile", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  clock.advance(10_000);
  issuer.answer = () => undefined;
  const stranger = await timeless(createKey("EdDSA"));
  const decided: string[] = [];

  const waiting = Array.from({ length: 100 }, () => outcome(stranger).then((result) => decided.push(result)));
  await eventually(() => expect([decided.length, issuer.requestCount]).toEqual([36, 2]));
  expect(await outcome(await timeless())).toBe("granted");
  clock.advance(5000);
  await Promise.all(waiting);

  expect(new Set(decided)).toEqual(new Set(["unknown-key"]));
  expect(issuer.requestCount).toBe(2);
});

it("lets nobody in while the issuer has never answered, says so once, and goes on by itself when it answers", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  issuer.answer = (response) => response.writeHead(503).end("secret-answer");
  const { clock, keys, outcome, log } = await openKeys(issuer);

  await keys.start();
  expect(await outcome(await timeless())).toBe("keys-unavailable");
  clock.advance(10_000);
  expect(await outcome(await timeless())).toBe("keys-unavailable");
  issuer.answer = undefined;
  clock.advance(10_000);
  expect(await outcome(await timeless())).toBe("granted");

  expect(log().match(/token keys cannot be fetched/g)).toHaveLength(1);
  expect(log()).toContain('"reason":"the answer has status 503","hasKeys":false');
  expect(log()).toContain("token keys can be fetched again");
  expect(log()).not.toContain("secret-answer");
});

it("goes on with the keys it has while the issuer is down, and with none when they are too old", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();
  await issuer.stop();

  clock.advance(3_600_000);
  expect(await outcome(await timeless())).toBe("granted");
  clock.advance(1);
  expect(await outcome(await timeless())).toBe("keys-unavailable");
});

it("gives up on an issuer that answers nothing, or drop by drop, after 5 s", async () => {
  const issuer = await FakeIssuer.start([]);
  const { clock, keys, outcome } = await openKeys(issuer);

  issuer.answer = () => undefined;
  const started = keys.start();
  await eventually(() => expect(issuer.requestCount).toBe(1));
  clock.advance(5000);
  await started;
  issuer.answer = (response) => response.write('{"keys":');
  clock.advance(5000);
  const presented = outcome(await timeless());
  await eventually(() => expect(issuer.requestCount).toBe(2));
  clock.advance(5000);

  expect(await presented).toBe("keys-unavailable");
  expect(keys.failureCount).toBe(2);
});

it.each([
  ["a redirect", 302, JSON.stringify({ keys: [published] })],
  ["a page", 200, "<html>"],
  ["no keys", 200, '{"keys":[]}'],
  ["keys that are no list", 200, '{"keys":{}}'],
  ["what is too long", 200, JSON.stringify({ keys: [published], pad: "x".repeat(262_144) })],
  ["an error, whatever comes with it", 500, JSON.stringify({ keys: [published] })],
  ["a shared secret", 200, JSON.stringify({ keys: [{ kty: "oct", k: Buffer.alloc(32).toString("base64url") }] })],
])("takes %s for no answer, and keeps the keys it has", async (_what, status, body) => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { clock, keys, outcome } = await openKeys(issuer);
  await keys.start();

  issuer.answer = (response) => response.writeHead(status, { location: `${issuer.url}/elsewhere` }).end(body);
  clock.advance(300_000);
  await eventually(() => expect(keys.failureCount).toBe(1));

  expect(await outcome(await timeless())).toBe("granted");
  expect(issuer.requestCount).toBe(2);
});

it("passes over keys that are not for it, and takes the others", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
  const { verifying } = await testKey();
  const odd = [null, 7, rsa, { ...verifying, use: "enc" }, { ...verifying, kid: 7 }, { kty: "OKP", crv: "Ed25519" }];
  const issuer = await FakeIssuer.start([...(odd as object[]), verifying]);
  const { keys, outcome } = await openKeys(issuer);

  await keys.start();

  expect(await outcome(await timeless())).toBe("granted");
});

it("trusts no issuer whose certificate is not that of the operator's authority", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const { keys, outcome } = await openKeys(issuer, { ca: () => Promise.resolve("") });

  await keys.start();

  expect(await outcome(await timeless())).toBe("keys-unavailable");
  expect(issuer.requestCount).toBe(0);
});
