import { writeFileSync } from "node:fs";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import type { AuthOptions } from "../../relay/auth/auth-options.ts";
import { createAuthority } from "../../relay/auth/create-authority.ts";
import type { Admission, Authority } from "../../relay/auth/ports.ts";
import type { Clock } from "../../relay/clock.ts";
import { loadConfig } from "../../relay/config/load.ts";
import type { Access, AccessRefusal } from "../../relay/session/ports.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector } from "../support/relay.ts";
import { testKey, token, tokenOptions, writeTemporary } from "../support/tokens.ts";

const clock = (): FakeClock => new FakeClock();
/** The moment at which a fake clock begins. */
const START_SECONDS = new FakeClock().epochMs() / 1000;

type Scene = { readonly authority: Authority; readonly log: () => string };

async function openAuthority(changes: Partial<AuthOptions> = {}, at: Clock = clock()): Promise<Scene> {
  const written: string[] = [];
  const options = { ...loadConfig({ flags: {}, env: {} }).config, ...(await tokenOptions()), ...changes };
  const authority = createAuthority({ clock: at, log: pino(collector(written)) }, options);
  await authority.start();
  return { authority, log: () => written.join("") };
}

/** A token that is good for a minute of the fake clock. */
async function minute(claims: Readonly<Record<string, unknown>> = {}): Promise<string> {
  return token({ claims: { exp: START_SECONDS + 60, ...claims } });
}

function bearer(presented: string): Record<string, string> {
  return { authorization: `Bearer ${presented}` };
}

/** How a token is offered as a subprotocol. */
function offered(presented: string): string {
  return `postern.token.${presented}`;
}

async function admitted(authority: Authority, claims: Readonly<Record<string, unknown>> = {}): Promise<Access> {
  return accessOf(await authority.admit(bearer(await minute(claims))));
}

function accessOf(admission: Admission): Access {
  if ("refusal" in admission) throw new Error(admission.refusal);
  return admission.access;
}

function endsOf(access: Access): AccessRefusal[] {
  const ends: AccessRefusal[] = [];
  access.whenEnded((why) => ends.push(why));
  return ends;
}

describe("at the upgrade", () => {
  it("lets a connection without a token open, and lets it do nothing", async () => {
    const { authority } = await openAuthority();

    const access = accessOf(await authority.admit({}));

    expect([access.isGranted, access.mayPublish, access.mayJoin("t")]).toEqual([false, false, false]);
  });

  it.each([
    ["a header", (text: string) => ({ authorization: `Bearer ${text}` })],
    ["a header in capitals", (text: string) => ({ authorization: `BEARER   ${text} ` })],
    ["a subprotocol", (text: string) => ({ "sec-websocket-protocol": `postern.v1, postern.token.${text}` })],
    ["a subprotocol alone", (text: string) => ({ "sec-websocket-protocol": `postern.token.${text}` })],
    ["both, the same", (text: string) => ({ ...bearer(text), "sec-websocket-protocol": `postern.token.${text}` })],
  ])("takes a token that comes in %s", async (_where, headersOf) => {
    const { authority } = await openAuthority();

    expect(accessOf(await authority.admit(headersOf(await minute()))).isGranted).toBe(true);
  });

  it.each([
    ["an empty token", { authorization: "Bearer" }],
    ["an empty token and a space", { authorization: "Bearer " }],
    ["two words", { authorization: "Bearer a.b.c d.e.f" }],
    ["an empty subprotocol", { "sec-websocket-protocol": "postern.token." }],
    ["two subprotocols", { "sec-websocket-protocol": "postern.token.a.b.c, postern.token.d.e.f" }],
    ["two places that differ", { authorization: "Bearer a.b.c", "sec-websocket-protocol": "postern.token.d.e.f" }],
  ])("refuses %s with 401", async (_what, headers) => {
    const { authority } = await openAuthority();

    expect(await authority.admit(headers)).toEqual({ refusal: "malformed", status: 401 });
  });

  it("refuses a good token beside another one, wherever the good one stands", async () => {
    const { authority } = await openAuthority();
    const good = await minute();

    for (const headers of [
      { ...bearer(good), "sec-websocket-protocol": offered("a.b.c") },
      { ...bearer("a.b.c"), "sec-websocket-protocol": offered(good) },
      { "sec-websocket-protocol": `${offered(good)}, ${offered("a.b.c")}` },
      { "sec-websocket-protocol": `${offered("a.b.c")}, ${offered(good)}` },
    ]) {
      expect(await authority.admit(headers)).toEqual({ refusal: "malformed", status: 401 });
    }
  });

  it("leaves credentials of other schemes to the proxies that want them", async () => {
    const { authority } = await openAuthority();

    expect(accessOf(await authority.admit({ authorization: "Basic YTpi" })).isGranted).toBe(false);
  });

  it("counts what it refuses by reason", async () => {
    const { authority } = await openAuthority();
    const stranger = await token({ key: (await testKey("ES256")).signing });

    expect(await authority.admit(bearer(stranger))).toEqual({ refusal: "unknown-key", status: 401 });
    expect(await authority.admit(bearer("nonsense"))).toEqual({ refusal: "malformed", status: 401 });

    expect(authority.counts().refused).toMatchObject({ "unknown-key": 1, malformed: 1, expired: 0 });
    expect(authority.counts()).toMatchObject({ granted: 0, subjects: 0, checksInFlight: 0 });
  });

  it("checks no more tokens at one time than it may, at the bound and one past it", async () => {
    const { authority } = await openAuthority({ maxTokenChecksInFlight: 3 });
    const presented = bearer(await minute());

    const admissions = await Promise.all(Array.from({ length: 4 }, async () => authority.admit(presented)));

    expect(admissions.filter((admission) => "access" in admission)).toHaveLength(3);
    expect(admissions[3]).toEqual({ refusal: "too-many-checks", status: 503 });
    expect(accessOf(await authority.admit(presented)).isGranted).toBe(true);
  });
});

describe("connections of one subject", () => {
  it("are limited by the option, at the bound and one past it, until one is gone", async () => {
    const { authority } = await openAuthority({ maxConnectionsPerSubject: 2 });
    const first = await admitted(authority);
    await admitted(authority);
    const third = bearer(await minute());

    expect(await authority.admit(third)).toEqual({ refusal: "too-many-connections", status: 429 });
    expect((await admitted(authority, { sub: "bob" })).isGranted).toBe(true);
    first.release();
    first.release();
    expect(accessOf(await authority.admit(third)).isGranted).toBe(true);
    expect(await authority.admit(third)).toEqual({ refusal: "too-many-connections", status: 429 });
    expect(authority.counts().subjects).toBe(2);
  });

  it("are limited by the token, where that says less", async () => {
    const { authority } = await openAuthority({ maxConnectionsPerSubject: 2 });
    await admitted(authority);

    expect(await authority.admit(bearer(await minute({ maxConnections: 1 })))).toMatchObject({ status: 429 });
    await admitted(authority, { maxConnections: 5 });
    expect(await authority.admit(bearer(await minute({ maxConnections: 5 })))).toMatchObject({ status: 429 });
  });

  it("are forgotten with the last of them", async () => {
    const { authority } = await openAuthority();
    const accesses = await Promise.all([admitted(authority), admitted(authority), admitted(authority, { sub: "bob" })]);

    for (const access of accesses) access.release();

    expect(authority.counts()).toMatchObject({ granted: 3, subjects: 0 });
  });
});

describe("the end of a grant", () => {
  it("comes with its expiry and the tolerance, to the second, once, and takes everything away", async () => {
    const time = clock();
    const { authority } = await openAuthority({}, time);
    const access = await admitted(authority);
    const later = await admitted(authority, { exp: START_SECONDS + 120 });
    const ends = endsOf(access);

    time.advance(89_000);
    expect([ends, access.mayJoin("t"), access.mayPublish]).toEqual([[], true, true]);
    time.advance(1000);
    expect([ends, access.isGranted, access.mayJoin("t"), access.mayPublish]).toEqual([
      ["expired"],
      false,
      false,
      false,
    ]);
    expect(access.subject).toBe("alice");
    expect(later.isGranted).toBe(true);
    time.advance(60_000);
    expect(later.isGranted).toBe(false);
    expect(ends).toEqual(["expired"]);
    expect(authority.counts()).toMatchObject({ expired: 2, subjects: 0 });
  });

  it("comes also when the calendar jumps over it", async () => {
    const time = clock();
    const { authority } = await openAuthority({}, time);
    const ends = endsOf(await admitted(authority));

    time.jumpEpoch(3_600_000);
    time.advance(1000);

    expect(ends).toEqual(["expired"]);
  });

  it("does not come for a connection that is gone", async () => {
    const time = clock();
    const { authority } = await openAuthority({}, time);
    const access = await admitted(authority);
    const ends = endsOf(access);

    access.release();
    time.advance(120_000);

    expect(ends).toEqual([]);
    expect(authority.counts().expired).toBe(0);
  });
});

describe("a renewal", () => {
  it("puts off the end, and takes over what the new token allows: more, and less", async () => {
    const time = clock();
    const { authority } = await openAuthority({}, time);
    const access = await admitted(authority, { topics: ["a"], verbs: ["join"] });
    const ends = endsOf(access);

    const wider = await access.present(
      await minute({ topics: ["a", "b"], exp: START_SECONDS + 200, rateClass: "bulk" }),
    );
    expect(wider).toEqual({ outcome: "granted", expiresAtMs: (START_SECONDS + 200) * 1000 });
    expect([access.mayJoin("a"), access.mayJoin("b"), access.mayPublish, access.rateClass]).toEqual([
      true,
      true,
      true,
      "bulk",
    ]);
    time.advance(150_000);
    expect(ends).toEqual([]);
    await access.present(await minute({ topics: ["b"], verbs: ["join"], exp: START_SECONDS + 160 }));
    expect([access.mayJoin("a"), access.mayJoin("b"), access.mayPublish, access.rateClass]).toEqual([
      false,
      true,
      false,
      undefined,
    ]);
    time.advance(40_000);
    expect(ends).toEqual(["expired"]);
    expect(authority.counts()).toMatchObject({ granted: 1, renewed: 2, expired: 1 });
  });

  it("is refused for another subject, and leaves what was there", async () => {
    const { authority } = await openAuthority();
    const access = await admitted(authority);

    expect(await access.present(await minute({ sub: "bob", topics: ["*"] }))).toEqual({
      outcome: "kept",
      refusal: "other-subject",
    });
    expect([access.subject, access.isGranted]).toEqual(["alice", true]);
    expect(authority.counts()).toMatchObject({ subjects: 1, renewed: 0, refused: { "other-subject": 1 } });
  });

  it("takes no place of a second connection", async () => {
    const { authority } = await openAuthority({ maxConnectionsPerSubject: 1 });
    const access = await admitted(authority);

    expect(await access.present(await minute())).toMatchObject({ outcome: "granted" });
    access.release();
    expect((await admitted(authority)).isGranted).toBe(true);
  });

  it("may fail five times, and ends the connection with the next failure", async () => {
    const { authority } = await openAuthority();
    const access = await admitted(authority);

    const outcomes = [];
    for (let count = 0; count < 6; count += 1) outcomes.push((await access.present("nonsense")).outcome);

    expect(outcomes).toEqual(["kept", "kept", "kept", "kept", "kept", "refused"]);
  });

  it("that ends after its connection grants nothing, and leaves nothing behind", async () => {
    const { authority } = await openAuthority();
    const access = accessOf(await authority.admit({}));

    const presented = access.present(await minute());
    access.release();

    expect(await presented).toMatchObject({ outcome: "refused" });
    expect(access.isGranted).toBe(false);
    expect(authority.counts()).toMatchObject({ granted: 0, subjects: 0 });
  });
});

describe("revocations", () => {
  it("end live connections by subject and by token, at once, and refuse the tokens from then on", async () => {
    const path = writeTemporary("revoked", "# nobody yet\n");
    const { authority, log } = await openAuthority({ authRevocationsFile: path });
    const alice = endsOf(await admitted(authority));
    const stolen = endsOf(await admitted(authority, { sub: "bob", jti: "t-1" }));
    const bob = endsOf(await admitted(authority, { sub: "bob", jti: "t-2" }));

    writeFileSync(path, "subject alice\r\n\n  token\tt-1  \n");
    await authority.reload();

    expect([alice, stolen, bob]).toEqual([["revoked"], ["revoked"], []]);
    expect(await authority.admit(bearer(await minute()))).toEqual({ refusal: "revoked", status: 401 });
    expect(await authority.admit(bearer(await minute({ sub: "bob", jti: "t-1" })))).toMatchObject({
      refusal: "revoked",
    });
    expect(authority.counts()).toMatchObject({ revoked: 2, subjects: 1, refused: { revoked: 2 } });
    expect(log()).not.toMatch(/alice|t-1/);
  });

  it("count for a token that was being checked while they were read", async () => {
    const path = writeTemporary("revoked", "");
    const { authority } = await openAuthority({ authRevocationsFile: path });
    const access = accessOf(await authority.admit({}));
    writeFileSync(path, "subject alice\n");

    const reloaded = authority.reload();
    const presented = await access.present(await minute());
    await reloaded;

    expect(presented.outcome === "granted" && access.isGranted).toBe(false);
  });

  it.each([
    ["a line that says nothing", "alice\n"],
    ["a word without a name", "subject\n"],
    ["an unknown word", "user alice\n"],
    ["a name that is too long", `subject ${"x".repeat(257)}\n`],
  ])("that hold %s stop the start", async (_what, text) => {
    const authRevocationsFile = writeTemporary("revoked", text);

    await expect(openAuthority({ authRevocationsFile })).rejects.toMatchObject({ code: "AUTH_UNUSABLE" });
  });

  it("that cannot be read again stay as they were, and the log says so", async () => {
    const path = writeTemporary("revoked", "subject alice\n");
    const { authority, log } = await openAuthority({ authRevocationsFile: path });

    writeFileSync(path, "nonsense\n");
    await authority.reload();

    expect(await authority.admit(bearer(await minute()))).toMatchObject({ refusal: "revoked" });
    expect(log()).toContain("access cannot be read again: what was read before stays");
  });
});

describe("keys", () => {
  it("of a file are read again, and tokens of the old ones are refused", async () => {
    const path = writeTemporary("keys", JSON.stringify((await testKey("ES256")).verifying));
    const { authority } = await openAuthority({ authKeySet: "", authKeysFile: path });
    const presented = bearer(await minute());

    expect(await authority.admit(presented)).toMatchObject({ refusal: "unknown-key" });
    writeFileSync(path, JSON.stringify((await testKey()).verifying));
    await authority.reload();
    expect(accessOf(await authority.admit(presented)).isGranted).toBe(true);
    writeFileSync(path, "{}");
    await authority.reload();
    expect(accessOf(await authority.admit(presented)).isGranted).toBe(true);
  });

  it.each([
    ["a file that is not there", { authKeysFile: "/nonexistent/keys" }],
    ["a file without keys", { authKeysFile: "/dev/null" }],
    ["a set without keys", { authKeySet: '{"keys":[]}' }],
    ["a key of another kind", { authKeySet: '{"kty":"RSA","n":"AQAB","e":"AQAB"}' }],
    ["a short secret", { authKeySet: JSON.stringify({ kty: "oct", k: Buffer.alloc(31).toString("base64url") }) }],
    ["a key for another use", { authKeySet: '{"kty":"OKP","crv":"Ed25519","x":"AA","use":"enc"}' }],
    ["a key with the algorithm of another", { authKeySet: '{"kty":"OKP","crv":"Ed25519","x":"AA","alg":"HS256"}' }],
    ["a point that is none", { authKeySet: '{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}' }],
    [
      "certificates to trust that are not there",
      { authJwksUrl: "https://localhost:1/", authJwksCaFile: "/nonexistent" },
    ],
  ])("that are %s stop the start", async (_what, changes) => {
    const opened = openAuthority({ authKeySet: "", ...changes });

    await expect(opened).rejects.toMatchObject({ name: "RelayError", code: "AUTH_UNUSABLE" });
  });

  it("that are private stop the start, and are not in the message", async () => {
    const { signing } = await testKey();

    const opened = openAuthority({ authKeySet: JSON.stringify(signing) });

    await expect(opened).rejects.toThrow("it is a private key; give the relay the public one");
    await expect(opened).rejects.not.toThrow(String(signing.d));
  });
});
