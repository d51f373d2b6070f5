import { expect, it } from "vitest";
import { openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const PLAIN = { tls: "off", drainTimeoutMs: 200 } as const;
const STRANGER = "127.0.0.9";

/** Asks for a WebSocket and gives the connection with its answer. */
async function ask(
  relay: TestRelay,
  from = "127.0.0.1",
): Promise<{ readonly raw: RawSocket; readonly answer: string }> {
  const raw = await RawSocket.openTcp(relay, from);
  raw.write(upgradeRequest());
  await eventually(() => expect(raw.isClosed || raw.text().includes("\r\n\r\n")).toBe(true));
  return { raw, answer: raw.text() };
}

/** Asks so often, one after the other. */
async function askTimes(relay: TestRelay, count: number, from?: string): Promise<Awaited<ReturnType<typeof ask>>[]> {
  const asked = [];
  for (let index = 0; index < count; index += 1) asked.push(await ask(relay, from));
  return asked;
}

const statuses = (asked: readonly { readonly answer: string }[]) => asked.map(({ answer }) => answer.slice(9, 12));

it("takes as many connections of one address as it may, refuses one more with 429, and takes it when one is gone", async () => {
  const relay = await startRelay({ ...PLAIN, maxConnectionsPerIp: 2 });

  const asked = await askTimes(relay, 3);
  const ofAnother = await ask(relay, STRANGER);
  asked[0]?.raw.destroy();
  await eventually(() => expect(relay.figures().connections).toBe(2));

  expect(statuses([...asked, ofAnother])).toEqual(["101", "101", "429", "101"]);
  expect(asked[2]?.answer).toMatch(/\r\nRetry-After: 30\r\n.*\r\n\r\n.*address/s);
  expect(statuses([await ask(relay)])).toEqual(["101"]);
});

it("gives the place of an address back when its handshake turns out to be broken", async () => {
  const relay = await startRelay({ ...PLAIN, maxConnectionsPerIp: 1 });
  const broken = await RawSocket.openTcp(relay);

  broken.write(upgradeRequest().replace("Sec-WebSocket-Key", "X-Other"));
  await broken.closed();

  expect(broken.text()).toMatch(/^HTTP\/1\.1 400 /);
  expect(statuses([await ask(relay)])).toEqual(["101"]);
});

it("takes as many new connections of one address as a minute may have, then says 429, then nothing before TLS", async () => {
  const relay = await startRelay({ ...PLAIN, connectionsPerIpPerMinute: 2 });

  const asked = await askTimes(relay, 5);
  const ofAnother = await ask(relay, STRANGER);

  expect(statuses([...asked, ofAnother])).toEqual(["101", "101", "429", "429", "", "101"]);
  expect(asked[2]?.answer).toMatch(/\r\nRetry-After: 60\r\n/);
});

it("lets no more connections wait for their upgrade than it may, and half of those of one address", async () => {
  const relay = await startRelay({ ...PLAIN, maxHandshakesInFlight: 4, handshakeTimeoutMs: 60_000 });
  const silent = [await RawSocket.openTcp(relay, STRANGER), await RawSocket.openTcp(relay, STRANGER)];

  const third = await RawSocket.openTcp(relay, STRANGER);
  await third.closed();
  const others = await askTimes(relay, 3);
  const last = [await RawSocket.openTcp(relay), await RawSocket.openTcp(relay)];
  const oneTooMany = await RawSocket.openTcp(relay, "127.0.0.8");
  await oneTooMany.closed();

  expect(statuses(others)).toEqual(["101", "101", "101"]);
  expect([...silent, ...last].map((raw) => raw.isClosed)).toEqual([false, false, false, false]);
  silent[0]?.destroy();
  await eventually(async () => expect(statuses([await ask(relay, "127.0.0.8")])).toEqual(["101"]));
});

it("takes as many undecided connections as it may, refuses one more with 503, and takes it when one has joined", async () => {
  const relay = await startRelay({ ...PLAIN, maxUndecidedConnections: 2 });
  const joined = await openClassic(relay, "t");

  const asked = await askTimes(relay, 3);

  expect(statuses(asked)).toEqual(["101", "101", "503"]);
  expect(asked[2]?.answer).toMatch(/\r\n\r\n.*joined/);
  asked[0]?.raw.destroy();
  await eventually(() => expect(relay.figures().connections).toBe(2));
  expect(statuses([await ask(relay)])).toEqual(["101"]);
  await joined.expectNothing();
});

it("[TOPIC-12] takes as many connections in all as it may, and refuses one more with 503", async () => {
  const relay = await startRelay({ ...PLAIN, maxConnections: 2 });

  const asked = await askTimes(relay, 3);

  expect(statuses(asked)).toEqual(["101", "101", "503"]);
});

it("refuses with 503 while the process has more memory than it should, and says why", async () => {
  const relay = await startRelay({ ...PLAIN, maxRssBytes: 1 });

  const { answer } = await ask(relay);

  expect(answer).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 30\r\n.*\r\n\r\n.*memory/s);
});

it("[TOPIC-12] takes as many members of a topic as it may, and tells one more of v1 that it is full", async () => {
  const relay = await startRelay({ ...PLAIN, maxMembersPerTopic: 2 });
  const [first] = await openV1(relay, "t", "a");
  await openV1(relay, "t", "b");

  const [third, answer] = await openV1(relay, "t", "c");
  third.send({ type: "join", topic: "other" });

  expect(answer).toMatchObject({ type: "error", code: "topic-full" });
  expect(await third.next()).toMatchObject({ type: "joined", topic: "other" });
  first.send({ type: "join", topic: "t", peerId: "renamed" });
  expect((await first.take(2))[1]).toMatchObject({ type: "joined", peerId: "renamed" });
});

it("tells a classic client once that its topic is full, and closes it with 1013", async () => {
  const relay = await startRelay({ ...PLAIN, maxMembersPerTopic: 1 });
  await openV1(relay, "t", "a");
  const classic = await openClassic(relay, "other");

  classic.send({ type: "join", topic: "t" });

  expect(await classic.next()).toEqual({ type: "error", payload: "The topic has as many members as it may" });
  expect(await classic.closed()).toEqual({ code: 1013, reason: "topic-full" });
});

it("counts every refusal by its reason, and every limit that was hit", async () => {
  const relay = await startRelay({ ...PLAIN, maxConnectionsPerIp: 1, adminToken: "an-admin-token-of-some-length" });
  await askTimes(relay, 3);
  await askTimes(relay, 2, STRANGER);

  const scraper = await RawSocket.openTcp(relay, STRANGER);
  scraper.write(
    "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer an-admin-token-of-some-length\r\n\r\n",
  );

  await eventually(() => expect(scraper.text()).toMatch(/relay_rate_limited_total\{limit="address-connections"\} 3\n/));
  expect(scraper.text()).toMatch(/relay_connection_errors_total\{reason="address-connections"\} 3\n/);
});
