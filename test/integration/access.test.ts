import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Client } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeIssuer } from "../support/fake-issuer.ts";
import { answerTo, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { ShiftedClock } from "../support/shifted-clock.ts";
import { nowSeconds, testKey, token, tokenOptions, writeTemporary } from "../support/tokens.ts";

const V1 = "postern.v1";

async function openTokens(
  changes: Parameters<typeof startRelay>[0] = {},
  clock = new ShiftedClock(),
): Promise<TestRelay> {
  return startRelay({ ...(await tokenOptions()), ...changes }, clock);
}

/** A v1 client that has shown a token at its upgrade. */
async function openGranted(relay: TestRelay, claims: Readonly<Record<string, unknown>> = {}): Promise<Client> {
  return Client.open(relay, {
    subprotocols: [V1],
    headers: { Authorization: `Bearer ${await token({ claims })}` },
  });
}

describe("a token", () => {
  it("comes in a header, as a subprotocol or in the first message, and its bearers meet in a topic", async () => {
    const relay = await openTokens();
    const presented = await token({ claims: { topics: ["room-*"] } });
    const byHeader = await Client.open(relay, {
      subprotocols: [V1],
      headers: { Authorization: `Bearer ${presented}` },
    });
    const bySubprotocol = await Client.open(relay, { subprotocols: [V1, `postern.token.${presented}`] });
    const byMessage = await Client.openV1(relay);
    const classic = await Client.open(relay, { headers: { Authorization: `Bearer ${presented}` } });

    byMessage.send({ type: "auth", token: presented });
    byMessage.send({ type: "join", topic: "room-1", peerId: "m" });
    expect(await byMessage.next()).toEqual({ type: "authorized", expiresAtMs: expect.any(Number) });
    expect(await byMessage.next()).toMatchObject({ type: "joined", members: [] });
    byHeader.send({ type: "join", topic: "room-1", peerId: "h" });
    expect(await byHeader.next()).toMatchObject({ type: "joined", members: [{ peerId: "m" }] });
    bySubprotocol.send({ type: "join", topic: "room-1", peerId: "s" });
    expect(await bySubprotocol.next()).toMatchObject({ members: [{ peerId: "m" }, { peerId: "h" }] });
    classic.send({ type: "join", topic: "room-1" });
    expect((await classic.take(3)).map(({ peerId }) => peerId)).toEqual(["m", "h", "s"]);
    classic.send({ type: "data", data: "x" });
    expect((await bySubprotocol.take(2))[1]).toMatchObject({ type: "data", data: "x" });
  });

  it("is looked at before anything that came behind it in the same packet, and order is kept", async () => {
    const relay = await openTokens();
    const client = await Client.openV1(relay);

    client.send({ type: "auth", token: await token(), ref: 1 });
    for (let ref = 2; ref < 200; ref += 1) client.send({ type: "join", topic: "t", peerId: "p", ref });

    const answers = await client.take(199);
    expect(answers.map(({ ref }) => ref)).toEqual(Array.from({ length: 199 }, (_, index) => index + 1));
    expect(new Set(answers.slice(1).map(({ type }) => type))).toEqual(new Set(["joined"]));
  });

  it("is taken for granted where none is wanted, so that one client serves both kinds of relay", async () => {
    const relay = await startRelay();
    const client = await Client.open(relay, {
      subprotocols: [V1, "postern.token.a.b.c"],
      headers: { Authorization: "Bearer x" },
    });

    client.send({ type: "auth", token: "nonsense", ref: 1 });

    expect(await client.next()).toEqual({ type: "authorized", ref: 1 });
  });
});

describe("without a token that does", () => {
  it("an upgrade gets 401 with the reason and a request id, or 429 for one connection too many", async () => {
    const relay = await openTokens({ maxConnectionsPerSubject: 1 });
    const good = await token();
    const expired = await token({ claims: { exp: 1_700_000_000 } });
    const first = await Client.open(relay, { subprotocols: [V1], headers: { Authorization: `Bearer ${good}` } });

    const answers = [];
    for (const presented of ["a.b.c", expired, good]) {
      answers.push(await answerTo(relay, upgradeRequest([`Authorization: Bearer ${presented}`])));
    }

    expect(answers.map((answer) => answer.split("\r\n")[0])).toEqual([
      "HTTP/1.1 401 Unauthorized",
      "HTTP/1.1 401 Unauthorized",
      "HTTP/1.1 429 Too Many Requests",
    ]);
    expect(answers.map((answer) => answer.split("\r\n\r\n")[1])).toEqual([
      "malformed\n",
      "expired\n",
      "too-many-connections\n",
    ]);
    for (const answer of answers) expect(answer).toMatch(/^X-Request-Id: [a-z2-7]+\r$/im);
    expect(answers[1]).toContain('WWW-Authenticate: Bearer error="invalid_token", error_description="expired"');
    first.socket.terminate();
  });

  it("a v1 client is told so and closed with 4004, a classic client after its join", async () => {
    const relay = await openTokens();
    const v1 = await Client.openV1(relay);
    const classic = await Client.open(relay);

    v1.send({ type: "join", topic: "t", ref: 1 });
    classic.send({ type: "data", data: "ignored, as ever" });
    classic.send({ type: "join", topic: "t" });

    expect(await v1.next()).toMatchObject({
      type: "error",
      code: "unauthorized",
      reason: "missing",
      ref: 1,
      requestId: expect.any(String),
    });
    expect(await v1.closed()).toEqual({ code: 4004, reason: "missing" });
    expect(await classic.next()).toMatchObject({ type: "error" });
    expect(await classic.closed()).toEqual({ code: 4004, reason: "missing" });
  });

  it("a client that says nothing at all is closed like one that does not join", async () => {
    const relay = await openTokens({ joinTimeoutMs: 100 });
    const silent = await Client.openV1(relay);
    const authorized = await openGranted(relay);

    expect(await silent.closed()).toMatchObject({ code: 1008 });
    expect(await authorized.closed()).toMatchObject({ code: 1008 });
  });
});

describe("a grant", () => {
  it("lets in the topics that it names, and no verb more", async () => {
    const relay = await openTokens();
    const reader = await openGranted(relay, { topics: ["lobby", "room-*"], verbs: ["join"] });

    reader.send({ type: "join", topic: "lobby", ref: 1 });
    reader.send({ type: "join", topic: "lobby2", ref: 2 });
    reader.send({ type: "data", topic: "lobby", data: "x", ref: 3 });

    expect(await reader.take(3)).toMatchObject([
      { type: "joined", ref: 1 },
      { type: "error", code: "not-permitted", ref: 2 },
      { type: "error", code: "not-permitted", ref: 3 },
    ]);
    await reader.expectNothing();
  });

  it("says how fast its connection may send, also when it comes in a message, and when it is renewed", async () => {
    const relay = await openTokens({ messagesPerSecondPerConnection: 1, rateBurstMs: 4000, rateClasses: ["fast=0"] });
    const renewing = await openGranted(relay);
    const late = await Client.openV1(relay);
    const fast = await token({ claims: { rateClass: "fast" } });
    renewing.send({ type: "join", topic: "t" });
    await renewing.next();

    renewing.send({ type: "auth", token: fast });
    late.send({ type: "auth", token: fast });
    // At a message a second, the answers to these would not come in time.
    for (const client of [renewing, late]) {
      for (let ref = 0; ref < 50; ref += 1) client.send({ type: "leave", topic: "elsewhere", ref });
    }

    expect((await renewing.take(51)).at(-1)).toMatchObject({ code: "not-joined", ref: 49 });
    expect((await late.take(51)).at(-1)).toMatchObject({ code: "not-joined", ref: 49 });
  });

  it("ends the connection with 4003 when it expires, and not when it was renewed in time", async () => {
    const clock = new ShiftedClock();
    const relay = await openTokens({ authClockToleranceMs: 0 }, clock);
    const exp = nowSeconds() + 60;
    const renewing = await openGranted(relay, { exp });
    const idle = await openGranted(relay, { exp });
    for (const client of [renewing, idle]) {
      client.send({ type: "join", topic: "t" });
      await client.next();
    }

    renewing.send({ type: "auth", token: await token({ claims: { exp: exp + 600 } }), ref: 9 });
    await eventually(() =>
      expect(renewing.texts.at(-1)).toBe(`{"type":"authorized","expiresAtMs":${(exp + 600) * 1000},"ref":9}`),
    );
    clock.shift(120_000);

    expect(await idle.closed()).toEqual({ code: 4003, reason: "expired" });
    renewing.send({ type: "data", topic: "t", data: "still here" });
    await renewing.settled();
    clock.shift(1_200_000);
    expect(await renewing.closed()).toEqual({ code: 4003, reason: "expired" });
    expect(relay.figures()).toMatchObject({ peers: 0, topics: 0 });
  });

  it("ends live connections with 4005 when it is revoked, and leaves the others", async () => {
    const path = writeTemporary("revoked", "");
    const relay = await openTokens({ authRevocationsFile: path });
    const alice = await openGranted(relay);
    const bob = await openGranted(relay, { sub: "bob" });
    for (const client of [alice, bob]) client.send({ type: "join", topic: "t", peerId: client === bob ? "b" : "a" });
    await alice.next();
    await bob.next();

    writeFileSync(path, "subject alice\n");
    await relay.reload();

    expect(await alice.closed()).toEqual({ code: 4005, reason: "revoked" });
    await eventually(() => expect(bob.texts.at(-1)).toContain('"type":"peer-left","topic":"t","peerId":"a"'));
    await bob.settled();
    expect(bob.socket.readyState).toBe(bob.socket.OPEN);
  });

  it("of a subject counts its connections, also those that authorize later", async () => {
    const relay = await openTokens({ maxConnectionsPerSubject: 1 });
    const presented = await token();
    const first = await openGranted(relay);
    const second = await Client.openV1(relay);

    second.send({ type: "auth", token: presented });

    expect(await second.next()).toMatchObject({ code: "unauthorized", reason: "too-many-connections" });
    expect(await second.closed()).toEqual({ code: 1013, reason: "too-many-connections" });
    first.socket.terminate();
    await eventually(() => expect(relay.figures().connections).toBe(0));
    expect((await openGranted(relay)).socket.readyState).toBe(1);
  });
});

it("takes keys of an issuer's URL, lets nobody in while it is down, and everybody when it is there", async () => {
  const issuer = await FakeIssuer.start([(await testKey()).verifying]);
  const ca = writeTemporary("ca.pem", issuer.ca);
  const from = { auth: "tokens", authJwksUrl: issuer.url, authJwksCaFile: ca } as const;
  const relay = await startRelay(from);
  await issuer.stop();
  const late = await startRelay(from);

  expect((await openGranted(relay)).socket.readyState).toBe(1);
  const answer = await answerTo(late, upgradeRequest([`Authorization: Bearer ${await token()}`]));
  expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*keys-unavailable\n$/);
  expect(late.logLines()).toContainEqual(
    expect.objectContaining({ level: "warn", msg: "token keys cannot be fetched", hasKeys: false }),
  );
});

it("does not start with keys that cannot be read", async () => {
  await expect(startRelay({ auth: "tokens", authKeysFile: "/nonexistent" })).rejects.toMatchObject({
    code: "AUTH_UNUSABLE",
  });
});
