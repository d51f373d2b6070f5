import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { MAX_TOLD_REFUSALS } from "../../relay/limits/told-refusal-limits.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { Client, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { answerTo, encodeFrame, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { nowSeconds, token, tokenOptions, writeTemporary } from "../support/tokens.ts";
import { openScene } from "./attack-scene.ts";

const ORIGIN = "Origin: https://app.example.com";
const V1 = "Sec-WebSocket-Protocol: postern.v1";
/** What every page is refused for. */
const CLOSED_TO_PAGES = { allowedOrigins: ["https://other.example.com"] };

/** Dials as a page does: with its origin, and no headers of its own. */
function dial(relay: TestRelay, subprotocols: readonly string[] = ["postern.v1"]): Promise<Client> {
  return Client.open(relay, { subprotocols, headers: { Origin: "https://app.example.com" } });
}

it("accepts a page whose origin may not connect, and closes with 1008 behind an error that says why", async () => {
  const relay = await startRelay(CLOSED_TO_PAGES);

  const page = await dial(relay);

  const error = await page.next();
  expect(error).toMatchObject({ type: "error", code: "refused", reason: "origin" });
  expect(error["requestId"]).toMatch(/^[a-z2-7]{10}$/);
  expect(error).not.toHaveProperty("retryAfterMs");
  expect(await page.closed()).toEqual({ code: 1008, reason: "origin" });
});

it.each([
  ["malformed", 4004, () => "not.a.token"],
  ["expired", 4003, (): Promise<string> => token({ claims: { exp: nowSeconds() - 3600 } })],
  ["revoked", 4005, (): Promise<string> => token({ claims: { sub: "mallory" } })],
])("tells a page that its token is %s with %i", async (reason, code, make) => {
  const authRevocationsFile = writeTemporary("revoked", "subject mallory\n");
  const relay = await startRelay({ ...(await tokenOptions()), authRevocationsFile });

  const page = await dial(relay, ["postern.v1", `postern.token.${await make()}`]);

  expect(await page.next()).toMatchObject({ code: "unauthorized", reason });
  expect(await page.closed()).toEqual({ code, reason });
  expect(page.socket.protocol).toBe("postern.v1");
});

it("tells a page when to come back to a full relay, with 1013", async () => {
  const relay = await startRelay({ maxConnections: 1 });
  await openV1(relay, "t");

  const page = await dial(relay);

  expect(await page.next()).toMatchObject({ code: "refused", reason: "max-connections", retryAfterMs: 30_000 });
  expect(await page.closed()).toEqual({ code: 1013, reason: "max-connections" });
});

it.each([[[]], [["chat"]]])(
  "tells a classic client in a page, which offers %j, by the close alone",
  async (offered) => {
    const relay = await startRelay(CLOSED_TO_PAGES);

    const page = await dial(relay, offered);

    expect(await page.closed()).toEqual({ code: 1008, reason: "origin" });
    expect(page.texts).toEqual([]);
  },
);

it("counts it once, as a refusal and as no connection", async () => {
  const relay = await startRelay({ ...CLOSED_TO_PAGES, adminToken: ADMIN_TOKEN });

  await (await dial(relay)).closed();

  const { body } = await askAsAdmin(relay, "/metrics");
  expect(body).toContain('relay_connection_errors_total{reason="origin"} 1\n');
  expect(body).toMatch(/relay_connections_total{dialect="topic",client="postern.v1"} 0\n/);
  expect(body).toContain('relay_connections_closed_total{reason="policy-violation"} 0\n');
  expect(relay.logLines().filter(({ msg }) => msg === "connected" || msg === "disconnected")).toEqual([]);
});

it("refuses with the status who is no page, and a page that offers nothing but a token", async () => {
  const relay = await startRelay({ ...(await tokenOptions()), ...CLOSED_TO_PAGES });
  const open = await startRelay(await tokenOptions());
  const onlyToken = "Sec-WebSocket-Protocol: postern.token.not.a.token";

  expect(await answerTo(open, upgradeRequest(["Authorization: Bearer no", V1]))).toMatch(/^HTTP\/1\.1 401 /);
  expect(await answerTo(open, upgradeRequest([ORIGIN, onlyToken]))).toMatch(/^HTTP\/1\.1 401 /);
  expect(await answerTo(relay, upgradeRequest([ORIGIN, onlyToken]))).toMatch(/^HTTP\/1\.1 403 /);
  const broken = upgradeRequest([ORIGIN]).replace("Sec-WebSocket-Key", "X-Other");
  expect(await answerTo(relay, broken)).toMatch(/^HTTP\/1\.1 403 /);
});

it("holds no more than 64 who do not answer, a second each, and gives the others the status", async () => {
  const scene = await openScene({ ...CLOSED_TO_PAGES, tls: "off" });
  // Seven of an address: who is refused more often is not told in this way any more.
  const addresses = Array.from({ length: MAX_TOLD_REFUSALS + 6 }, (_, index) => `127.0.1.${1 + (index % 10)}`);
  const mute = await Promise.all(addresses.map((address) => RawSocket.openTcp(scene, address)));

  for (const raw of mute) raw.write(upgradeRequest([ORIGIN]));

  await eventually(() => expect(mute.every((raw) => raw.text().includes("\r\n\r\n"))).toBe(true));
  const statuses = mute.map((raw) => raw.text().slice(9, 12));
  expect(statuses.filter((status) => status === "101")).toHaveLength(MAX_TOLD_REFUSALS);
  expect(statuses.filter((status) => status === "403")).toHaveLength(6);
  for (const raw of mute) await raw.closed();
  const page = await dial(scene, []);
  expect(await page.closed()).toEqual({ code: 1008, reason: "origin" });
  await scene.expectUnharmed();
});

it("gives the status to who is refused for the eleventh time within a minute, a second later", async () => {
  const scene = await openScene({ ...CLOSED_TO_PAGES, tls: "off" });
  const answers: string[] = [];

  for (let count = 0; count < 11; count += 1) answers.push(await answerTo(scene, upgradeRequest([ORIGIN])));

  expect(answers.map((answer) => answer.slice(9, 12))).toEqual([...Array<string>(10).fill("101"), "403"]);
  await scene.expectUnharmed();
});

it("does not look at what such a connection sends, broken or without end, and tells it the reason all the same", async () => {
  const scene = await openScene(CLOSED_TO_PAGES);
  const raw = await RawSocket.open(scene);
  const flood = encodeFrame({ payload: "x".repeat(60_000) });

  raw.write(Buffer.concat([Buffer.from(upgradeRequest([ORIGIN])), encodeFrame({ payload: "x", isMasked: false })]));
  while (!raw.isClosed) await raw.writeAndWait(flood);

  expect(raw.text()).toContain(" 101 ");
  await scene.expectUnharmed();
});

it("leaves none of them behind when the relay stops", async () => {
  const relay = await startRelay(CLOSED_TO_PAGES);
  const socket = new WebSocket(relay.url, { ca: relay.certificate, headers: { Origin: "https://app.example.com" } });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  socket.pause();

  await relay.stop();

  socket.resume();
  await eventually(() => expect(socket.readyState).toBe(WebSocket.CLOSED));
});
