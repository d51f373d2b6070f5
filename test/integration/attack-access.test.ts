import { expect, it } from "vitest";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { Client } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeIssuer } from "../support/fake-issuer.ts";
import { answerTo, encodeFrame, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { testKey, token, tokenOptions, writeTemporary } from "../support/tokens.ts";

const V1 = "postern.v1";
const MEBIBYTE = 1_048_576;
/** How long the relay waits for keys (relay/auth/jwks-keys.ts). */
const KEYS_TIMEOUT_MS = 5000;

async function openTokens(changes: Parameters<typeof startRelay>[0] = {}): Promise<TestRelay> {
  return startRelay({ ...(await tokenOptions()), ...changes });
}

/** This machine's clock, but that the relay waits for keys as long as the test does. */
const PATIENT: Clock = {
  epochMs: () => systemClock.epochMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  every: (intervalMs, task) => systemClock.every(intervalMs, task),
  after: (delayMs, task) => systemClock.after(delayMs === KEYS_TIMEOUT_MS ? 20 * delayMs : delayMs, task),
};

/** A relay whose keys come from an issuer that has stopped answering: tokens of unknown keys wait. */
async function openWaiting(): Promise<{
  readonly relay: TestRelay;
  readonly issuer: FakeIssuer;
  readonly answer: () => void;
}> {
  const issuer = await FakeIssuer.start([]);
  const ca = writeTemporary("ca.pem", issuer.ca);
  issuer.answer = (response) => response.writeHead(503).end();
  const options = { authJwksUrl: issuer.url, authJwksCaFile: ca, authJwksRefreshMs: 1000 };
  const relay = await startRelay({ auth: "tokens", ...options }, PATIENT);
  const { verifying } = await testKey();
  const waiting: (() => void)[] = [];
  issuer.answer = (response) => void waiting.push(() => response.end(JSON.stringify({ keys: [verifying] })));
  // The relay asks again by itself after a second; from then on every check waits for that answer.
  await eventually(() => expect(waiting).toHaveLength(1));
  return { relay, issuer, answer: () => waiting.forEach((release) => release()) };
}

function logOf(relay: TestRelay): string {
  return relay
    .logLines()
    .map((line) => JSON.stringify(line))
    .join("\n");
}

it.each(["token", "access_token", "authorization", "jwt", "auth"])(
  "reads no token from the address: ?%s=",
  async (name) => {
    const relay = await openTokens();
    const client = await Client.open(relay, { path: `/?${name}=${await token()}`, subprotocols: [V1] });

    client.send({ type: "join", topic: "t" });

    expect(await client.closed()).toEqual({ code: 4004, reason: "missing" });
  },
);

it("never repeats a token that was offered as a subprotocol, whatever was offered beside it", async () => {
  const presented = await token();
  const offers = [
    `postern.v1, postern.token.${presented}`,
    `postern.token.${presented}, chat`,
    `postern.token.${presented}`,
  ];

  for (const relay of [await openTokens(), await startRelay()]) {
    const answers: string[] = [];
    for (const offered of offers) {
      const raw = await RawSocket.open(relay);
      raw.write(upgradeRequest([`Sec-WebSocket-Protocol: ${offered}`]));
      await eventually(() => expect(raw.text()).toContain("\r\n\r\n"));
      answers.push(raw.text());
    }
    expect(answers.map((answer) => answer.slice(0, 12))).toEqual(Array(3).fill("HTTP/1.1 101"));
    expect(answers.map((answer) => /sec-websocket-protocol: (.*)\r/i.exec(answer)?.[1])).toEqual([
      V1,
      "chat",
      undefined,
    ]);
    expect(answers.join()).not.toContain("postern.token");
  }
});

it("tells neither tokens nor who they are of, in its log at trace level, in answers and on its pages", async () => {
  const forged = 'secret-subject\r\n{"level":"fatal","msg":"forged"}\u001b[31m';
  const relay = await openTokens({
    logLevel: "trace",
    accessLog: "all",
    statsIntervalMs: 100,
    maxConnectionsPerSubject: 1,
  });
  // No line of a revocation file could name what has control characters: such a token is refused, as told below.
  const subject = forged.replaceAll(/\p{Cc}/gu, "");
  const claims = { sub: subject, jti: `secret-id${subject}`, topics: ["secret-topic*"], rateClass: "secret-class" };
  const good = await token({ claims });
  const bad = await token({ claims: { ...claims, exp: 1_700_000_000 } });
  const escaping = await token({ claims: { ...claims, sub: forged } });
  const unsigned = `${good.slice(0, -20)}${"A".repeat(20)}`;

  const answers = [];
  const client = await Client.open(relay, { subprotocols: [V1, `postern.token.${good}`] });
  for (const topic of ["secret-topic-1", "another"]) client.send({ type: "join", topic, peerId: "p" });
  client.send({ type: "auth", token: bad });
  client.send({ type: "auth", token: unsigned });
  await client.take(4);
  for (const presented of [good, bad, escaping, unsigned, `${good}.${good}`, forged.replaceAll(/[\r\n]/g, "")]) {
    answers.push(await answerTo(relay, upgradeRequest([`Authorization: Bearer ${presented}`])));
    answers.push(
      await answerTo(relay, upgradeRequest([`Authorization: Bearer ${presented}`], `/secret?token=${good}`)),
    );
  }
  for (const path of ["/", "/health", "/ready", "/stats"]) {
    answers.push(await answerTo(relay, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`));
  }
  client.socket.terminate();
  await eventually(() => expect(logOf(relay)).toContain('"msg":"close"'));
  await eventually(() => expect(logOf(relay)).toContain('"msg":"topic statistics"'));

  const told = [logOf(relay), ...answers].join("\n");
  expect(logOf(relay)).toMatch(/"subject":"[0-9a-f]{12}"/);
  expect(["secret", "forged", "u001b"].filter((part) => told.includes(part))).toEqual([]);
  for (const text of [good, bad, escaping, unsigned]) {
    for (const part of text.split(".")) expect(told).not.toContain(part);
  }
});

it("answers joins of topics that exist and topics that do not with the same bytes, with and without a grant", async () => {
  const relay = await openTokens();
  const member = await Client.open(relay, { subprotocols: [V1, `postern.token.${await token()}`] });
  member.send({ type: "join", topic: "exists", peerId: "p" });
  await member.next();
  const elsewhere = await token({ claims: { sub: "bob", topics: ["elsewhere"] } });

  const answers: Record<string, string[]> = { exists: [], absent: [] };
  for (const subprotocols of [
    [V1],
    [V1, `postern.token.${elsewhere}`],
    [],
    [`postern.token.${elsewhere}`, "classic"],
  ]) {
    for (const topic of ["exists", "absent"]) {
      const client = await Client.open(relay, { subprotocols });
      client.send({ type: "join", topic, peerId: "p" });
      if (subprotocols[0] === V1) client.send({ type: "data", topic, data: "x" });
      client.socket.close();
      const { code, reason } = await client.closed();
      // The number of the request is random.
      answers[topic]?.push(...client.texts.map((text) => text.replace(/"requestId":"\w+"/, "")), `${code} ${reason}`);
    }
  }

  expect(answers["exists"]).toEqual(answers["absent"]);
  expect(answers["exists"]?.join()).toContain("not-permitted");
  await member.expectNothing();
});

it("holds what comes behind a token that is being checked: a bounded part of it, and all of it in order", async () => {
  const { relay, answer } = await openWaiting();
  const client = await Client.openV1(relay);
  const payload = "x".repeat(MEBIBYTE);
  const count = 32;

  client.send({ type: "auth", token: await token() });
  client.send({ type: "join", topic: "t", peerId: "p" });
  for (let sent = 0; sent < count; sent += 1) client.send({ type: "data", topic: "t", data: payload });
  for (let ref = 0; ref < 250; ref += 1) client.send({ type: "join", topic: "t", peerId: "p", ref });
  let waitingBytes = 0;
  await eventually(() => {
    const before = waitingBytes;
    waitingBytes = client.socket.bufferedAmount;
    expect(waitingBytes).toBe(before);
  });
  expect(waitingBytes).toBeGreaterThan(12 * MEBIBYTE);
  expect([client.texts, relay.figures().peers]).toEqual([[], 0]);
  answer();

  expect(await client.next()).toMatchObject({ type: "authorized" });
  const answers = await client.take(251);
  expect(answers.map(({ ref }) => ref)).toEqual([undefined, ...Array.from({ length: 250 }, (_, ref) => ref)]);
  expect(relay.figures().messages).toBe(count);
});

it("takes nothing from a connection whose upgrade waits for its token, and nothing of it is lost", async () => {
  const { relay, answer } = await openWaiting();
  const raw = await RawSocket.open(relay);
  const join = encodeFrame({ payload: '{"type":"join","topic":"t","peerId":"p"}' });

  raw.write(Buffer.concat([Buffer.from(upgradeRequest([`Authorization: Bearer ${await token()}`])), join]));
  raw.write(Buffer.concat(Array.from({ length: 2000 }, () => encodeFrame({ payload: '{"type":"data","data":"x"}' }))));
  expect(relay.figures().connections).toBe(0);
  answer();

  await eventually(() => expect(relay.figures()).toMatchObject({ peers: 1, messages: 2000 }));
});

it("forgets a connection that goes away while its token is checked", async () => {
  const { relay, answer } = await openWaiting();
  const raw = await RawSocket.open(relay);
  raw.write(upgradeRequest([`Authorization: Bearer ${await token({ claims: { maxConnections: 1 } })}`]));
  const client = await Client.openV1(relay);
  client.send({ type: "auth", token: await token({ claims: { maxConnections: 1 } }) });
  await eventually(() => expect(client.socket.bufferedAmount).toBe(0));

  raw.destroy();
  client.socket.terminate();
  answer();

  await eventually(() => expect(relay.figures().connections).toBe(0));
  await eventually(async () => {
    const presented = await token({ claims: { maxConnections: 1 } });
    const next = await Client.open(relay, { subprotocols: [V1, `postern.token.${presented}`] });
    expect(next.socket.readyState).toBe(1);
  });
});

it("ends a connection that goes on with tokens that fail, and lets one renew as often as it likes", async () => {
  const relay = await openTokens();
  const headers = { Authorization: `Bearer ${await token()}` };
  const renewing = await Client.open(relay, { subprotocols: [V1], headers });
  const failing = await Client.open(relay, { subprotocols: [V1], headers });
  const presented = await token();

  for (let ref = 0; ref < 500; ref += 1) renewing.send({ type: "auth", token: presented, ref });
  for (let ref = 0; ref < 50; ref += 1) failing.send({ type: "auth", token: "nonsense", ref });

  expect((await renewing.take(500)).at(-1)).toMatchObject({ type: "authorized", ref: 499 });
  expect(await failing.closed()).toEqual({ code: 4004, reason: "malformed" });
  expect(failing.texts).toHaveLength(6);
});

it.each([7, null, {}, [], "", "x".repeat(16_000), "\u0000", "\ud800"])(
  "refuses what is no token in a message, whatever it is",
  async (presented) => {
    const relay = await openTokens();
    const client = await Client.openV1(relay);

    client.send({ type: "auth", token: presented });

    expect(await client.next()).toMatchObject({ type: "error", code: "unauthorized", reason: "malformed" });
    expect(await client.closed()).toEqual({ code: 4004, reason: "malformed" });
  },
);

it("does not look at a message without a grant that is larger than 16 KiB", async () => {
  const relay = await openTokens();
  const client = await Client.openV1(relay);

  client.send({ type: "auth", token: "x".repeat(3 * MEBIBYTE) });

  expect(await client.next()).toMatchObject({ type: "error", code: "unauthorized", reason: "missing" });
  expect(await client.closed()).toMatchObject({ code: 4004 });
});
