import { expect, it } from "vitest";
import { createDialects } from "../../relay/dialects/all.ts";
import { EchoDialect } from "../fixtures/echo/echo-dialect.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const PLAIN = { tls: "off", adminToken: ADMIN_TOKEN } as const;
const STRANGER = "127.0.0.7";
const GET = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
const MEBIBYTE = 1_048_576;

/** A connection that has had a page. */
async function visited(relay: TestRelay, localAddress = "127.0.0.1"): Promise<RawSocket> {
  const raw = await RawSocket.openTcp(relay, localAddress);
  raw.write(GET);
  await eventually(() => expect(raw.text()).toMatch(/^HTTP\/1\.1 200 [^]*\}$/));
  return raw;
}

async function metric(relay: TestRelay, name: string): Promise<number> {
  const { body } = await askAsAdmin(relay, "/metrics", { plainPort: relay.port });
  return Number(
    body
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.split(" ")[1],
  );
}

it("keeps an idle connection for as long as it is told, and longer than proxies do where it is not told", async () => {
  const relay = await startRelay(PLAIN);
  const hasty = await startRelay({ ...PLAIN, keepAliveTimeoutMs: 200 });

  const kept = await visited(relay);
  const closed = await visited(hasty);

  await closed.closed();
  expect(kept.text()).toMatch(/\r\nKeep-Alive: timeout=75, max=1000\r\n/i);
  kept.write(GET);
  await eventually(() => expect(kept.text().match(/HTTP\/1\.1 200/g)).toHaveLength(2));
});

it("keeps its place at the door for newcomers, however many strangers keep idle connections", async () => {
  const relay = await startRelay({ ...PLAIN, maxHandshakesInFlight: 2, maxHttpConnections: 8 });

  const idle = [];
  for (let count = 0; count < 4; count += 1) idle.push(await visited(relay, STRANGER));
  const member = await openClassic(relay, "t");

  expect(idle.map(({ isClosed }) => isClosed)).toEqual([false, false, false, false]);
  await member.expectNothing();
});

it("closes one more connection behind its answer, of one address and in all, and counts that", async () => {
  const relay = await startRelay({ ...PLAIN, maxHttpConnections: 4 });

  const ofOne = [await visited(relay, STRANGER), await visited(relay, STRANGER), await visited(relay, STRANGER)];
  const ofOthers = [await visited(relay, "127.0.0.8"), await visited(relay, "127.0.0.9")];
  const last = await visited(relay, "127.0.0.10");

  await ofOne[2]?.closed();
  await last.closed();
  expect(ofOne[2]?.text()).toMatch(/\r\nconnection: close\r\n/i);
  expect([ofOne[0], ofOne[1], ...ofOthers].map((raw) => raw?.isClosed)).toEqual([false, false, false, false]);
  // Who asks for it has no place, and is answered all the same.
  expect(await metric(relay, "relay_http_connections")).toBe(4);
  expect(await metric(relay, 'relay_rate_limited_total{limit="http-connections"}')).toBeGreaterThanOrEqual(2);
  ofOne[0]?.destroy();
  await eventually(async () => expect((await visited(relay, "127.0.0.10")).text()).not.toMatch(/connection: close/i));
});

it("counts a connection that becomes a WebSocket among those alone", async () => {
  const relay = await startRelay(PLAIN);
  const raw = await visited(relay);

  raw.write(upgradeRequest());

  await eventually(() => expect(raw.text()).toMatch(/\r\n\r\n[^]*HTTP\/1\.1 101 /));
  // The one that asks is there itself.
  await eventually(async () => expect(await metric(relay, "relay_http_connections")).toBe(1));
  expect(relay.figures().connections).toBe(1);
});

/** A dialect's page that takes a mebibyte, as the long poll will. */
function startWithUploads(clock: FakeClock, overrides: Parameters<typeof startRelay>[0] = {}): Promise<TestRelay> {
  return startRelay({ ...PLAIN, ...overrides }, clock, {
    createDialects: (parts, names) => [new UploadDialect(parts), ...createDialects(parts, names)],
  });
}

class UploadDialect extends EchoDialect {
  override get routes(): EchoDialect["routes"] {
    return super.routes.map((route) => (route.method === "POST" ? { ...route, maxBodyBytes: MEBIBYTE } : route));
  }
}

const UPLOAD = `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${MEBIBYTE}\r\n\r\n`;

it("takes a body of a mebibyte that comes at 256 kbit/s", async () => {
  const clock = new FakeClock();
  const relay = await startWithUploads(clock);
  const raw = await RawSocket.openTcp(relay);

  raw.write(UPLOAD);
  for (let second = 0; second < 32; second += 1) {
    await raw.writeAndWait(Buffer.alloc(MEBIBYTE / 32, "b"));
    clock.advance(1000);
  }

  await eventually(() => expect(raw.text()).toMatch(/^HTTP\/1\.1 201 /));
  expect(raw.text()).not.toContain("408");
});

it("answers 408 to a body that is dripped, and closes", async () => {
  const clock = new FakeClock();
  const relay = await startWithUploads(clock);
  const raw = await RawSocket.openTcp(relay);
  raw.write(UPLOAD);

  await eventually(async () => {
    await raw.writeAndWait(Buffer.from("b"));
    clock.advance(1000);
    expect(raw.isClosed).toBe(true);
  });

  expect(raw.text()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n[^]*connection: close\r\n[^]*Request Timeout$/i);
});

it("takes a body from who has no place too, if it comes in the time of a handshake", async () => {
  const clock = new FakeClock();
  const relay = await startWithUploads(clock, { maxHttpConnections: 0 });
  const [fast, slow] = [await RawSocket.openTcp(relay), await RawSocket.openTcp(relay)];

  fast.write(UPLOAD);
  await fast.writeAndWait(Buffer.alloc(MEBIBYTE, "b"));
  slow.write(UPLOAD);
  for (let second = 0; second < 11; second += 1) {
    await slow.writeAndWait(Buffer.alloc(MEBIBYTE / 32, "b"));
    clock.advance(1000);
  }

  await Promise.all([fast.closed(), slow.closed()]);
  expect(fast.text()).toMatch(/^HTTP\/1\.1 201 [^]*\r\nconnection: close\r\n/i);
  expect(slow.text()).toMatch(/^HTTP\/1\.1 408 /);
});

it.each([
  ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["HEAD /health HTTP/1.0\r\n\r\n"],
  [upgradeRequest()],
  ["POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"],
  ["CONNECT example.org:443 HTTP/1.1\r\n\r\n"],
])("answers plain HTTP where TLS should begin with what is wrong: %j", async (request) => {
  const relay = await startRelay();
  const raw = await RawSocket.openTcp(relay);

  raw.write(request);

  await raw.closed();
  expect(raw.text()).toMatch(
    /^HTTP\/1\.1 400 Bad Request\r\nDate: [^]*\r\n\r\nThis port speaks TLS: use https:[^]*\n$/,
  );
  await openClassic(relay, "t");
});

it("answers nothing to what is neither TLS nor HTTP", async () => {
  const relay = await startRelay();
  const raw = await RawSocket.openTcp(relay);

  raw.write("SSH-2.0-OpenSSH_9.2\r\n");

  await raw.closed();
  expect(raw.text()).not.toContain("HTTP");
});
