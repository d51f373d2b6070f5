import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { proxyV2 } from "../support/proxy-header.ts";
import { RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import type { TestRelay } from "../support/relay.ts";
import { openScene } from "./attack-scene.ts";

/** Loopback has more addresses than one: strangers, proxies and bystanders (127.0.0.1) come from different ones. */
const STRANGER = "127.0.0.9";
const PROXY = "127.0.0.2";
const BEHIND_PROXY = { tls: "off", trustedProxies: [PROXY] } as const;
const WITH_HEADER = { trustedProxies: [PROXY], proxyProtocol: true } as const;
const V1_OF = (address: string) => `PROXY TCP4 ${address} 192.0.2.1 4711 443\r\n`;

/** The status line that an upgrade gets, in plain HTTP. */
async function statusFor(
  relay: TestRelay,
  from: string,
  headerLines: readonly string[] = [],
  before = "",
): Promise<string> {
  const raw = await RawSocket.openTcp(relay, from);
  raw.write(before + upgradeRequest(headerLines));
  await eventually(() => expect(raw.isClosed || raw.text().includes("\r\n\r\n")).toBe(true));
  raw.destroy();
  return raw.text().split("\r\n", 1)[0] ?? "";
}

it("refuses with 403 who is not on the list of those who may connect, and answers its plain requests", async () => {
  const scene = await openScene({ tls: "off", ipAllow: ["127.0.0.1"] });

  expect(await statusFor(scene, STRANGER)).toMatch(/ 403 /);
  expect(await statusFor(scene, "127.0.0.1")).toMatch(/ 101 /);
  const raw = await RawSocket.openTcp(scene, STRANGER);
  raw.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await eventually(() => expect(raw.text()).toMatch(/^HTTP\/1\.1 200 /));
  raw.end();
  await scene.expectUnharmed();
});

it("says nothing at all to who is on the list of those who may not, also where it may", async () => {
  const scene = await openScene({ tls: "off", ipAllow: ["127.0.0.0/8"], ipDeny: [STRANGER] });

  expect(await statusFor(scene, STRANGER)).toBe("");
  expect(await statusFor(scene, "127.0.0.8")).toMatch(/ 101 /);
  await scene.expectUnharmed();
});

it("refuses with 403 the client behind a trusted proxy whose own address may not connect", async () => {
  const scene = await openScene({ ...BEHIND_PROXY, ipDeny: ["198.51.100.0/24"] });

  expect(await statusFor(scene, PROXY, ["X-Forwarded-For: 198.51.100.1"])).toMatch(/ 403 /);
  expect(await statusFor(scene, PROXY, ["X-Forwarded-For: 203.0.113.1"])).toMatch(/ 101 /);
  await scene.expectUnharmed();
});

it("lets nobody past the list of addresses by a header that no trusted proxy wrote", async () => {
  const scene = await openScene({ ...BEHIND_PROXY, ipAllow: ["127.0.0.1", "198.51.100.1"] });
  const claims = ["X-Forwarded-For: 198.51.100.1", "Forwarded: for=198.51.100.1", "X-Real-IP: 198.51.100.1"];

  for (const claim of claims) expect(await statusFor(scene, STRANGER, [claim])).toMatch(/ 403 /);
  expect(await statusFor(scene, PROXY, ["X-Forwarded-For: 198.51.100.1"])).toMatch(/ 101 /);
  expect(await statusFor(scene, PROXY, ["X-Forwarded-For: 198.51.100.1, 203.0.113.5"])).toMatch(/ 403 /);
  await scene.expectUnharmed();
});

it("counts the clients behind a trusted proxy each under its own address", async () => {
  const scene = await openScene({ ...BEHIND_PROXY, maxConnectionsPerIp: 2 });
  const open = async (address: string): Promise<RawSocket> => {
    const raw = await RawSocket.openTcp(scene, PROXY);
    raw.write(upgradeRequest([`X-Forwarded-For: ${address}`]));
    await eventually(() => expect(raw.text()).toContain("\r\n\r\n"));
    return raw;
  };

  const ofOne = [await open("198.51.100.1"), await open("198.51.100.1"), await open("198.51.100.1")];
  const ofAnother = await open("198.51.100.2");

  expect([...ofOne, ofAnother].map((raw) => raw.text().slice(9, 12))).toEqual(["101", "101", "429", "101"]);
  for (const raw of [...ofOne, ofAnother]) raw.destroy();
  await scene.expectUnharmed();
});

it("takes a PROXY header for garbage where it comes from a stranger", async () => {
  const scene = await openScene({ ...WITH_HEADER, tls: "off", ipAllow: ["127.0.0.1", "198.51.100.1"] });

  expect(await statusFor(scene, STRANGER, [], V1_OF("198.51.100.1"))).toMatch(/ 400 /);
  expect(await statusFor(scene, STRANGER, [], proxyV2({ source: "198.51.100.1" }).toString("latin1"))).toMatch(/ 400 /);
  await scene.expectUnharmed();
});

it.each([
  ["no header", ""],
  ["a broken line", "PROXY TCP4 nonsense\r\n"],
  ["a line without an end", `PROXY TCP4 ${"1".repeat(500)}`],
  ["a block larger than any", proxyV2({ source: "198.51.100.1", announcedBytes: 65_535 })],
  ["garbage", Buffer.alloc(5000, 0xa5)],
])("closes without a word a connection of a trusted proxy that begins with %s", async (_name, header) => {
  const scene = await openScene({ ...WITH_HEADER, tls: "off" });
  const raw = await RawSocket.openTcp(scene, PROXY);

  raw.write(header);
  raw.write(upgradeRequest());

  await raw.closed();
  expect(raw.text()).toBe("");
  await scene.expectUnharmed();
});

it("closes a trusted proxy that sends its header a byte at a time, without end, or not at all", async () => {
  const scene = await openScene({ ...WITH_HEADER, tls: "off", handshakeTimeoutMs: 300 });
  const [slow, silent, ended] = [
    await RawSocket.openTcp(scene, PROXY),
    await RawSocket.openTcp(scene, PROXY),
    await RawSocket.openTcp(scene, PROXY),
  ];
  let sentBytes = 0;

  ended.write("PROXY TC");
  ended.end();
  // `eventually` is the drip: one byte at each look.
  await eventually(() => {
    slow.write(`PROXY UNKNOWN ${"x".repeat(500)}`.charAt(sentBytes));
    sentBytes += 1;
    expect(slow.isClosed).toBe(true);
  });
  await silent.closed();
  await ended.closed();

  await scene.expectUnharmed();
});

it.each([
  ["a line", V1_OF("198.51.100.1")],
  ["binary", proxyV2({ source: "198.51.100.1", extraBytes: 300 })],
])("sees through TLS the client that a trusted load balancer tells in %s", async (_name, header) => {
  const scene = await openScene({ ...WITH_HEADER, ipAllow: ["127.0.0.1", "198.51.100.1"], maxConnectionsPerIp: 3 });

  const raws = [];
  for (let count = 0; count < 4; count += 1) {
    const raw = await RawSocket.openBehind(scene, header, PROXY);
    raw.write(upgradeRequest());
    await eventually(() => expect(raw.text()).toContain("\r\n\r\n"));
    raws.push(raw);
  }

  expect(raws.map((raw) => raw.text().slice(9, 12))).toEqual(["101", "101", "101", "429"]);
  for (const raw of raws) raw.destroy();
  await scene.expectUnharmed();
});

it("believes no header of a client that the load balancer tells nothing of", async () => {
  const scene = await openScene({ ...WITH_HEADER, tls: "off", ipAllow: ["127.0.0.1", "198.51.100.1"] });
  const claim = ["X-Forwarded-For: 198.51.100.1"];

  expect(await statusFor(scene, PROXY, claim, "PROXY UNKNOWN\r\n")).toMatch(/ 403 /);
  expect(await statusFor(scene, PROXY, claim, V1_OF(PROXY))).toMatch(/ 101 /);
  await scene.expectUnharmed();
});

it("takes a header and an upgrade that come in pieces, and in one piece", async () => {
  const scene = await openScene({ ...WITH_HEADER, tls: "off", ipAllow: ["127.0.0.1", "198.51.100.1"] });
  const whole = V1_OF("198.51.100.1") + upgradeRequest();
  const [inPieces, inOne] = [await RawSocket.openTcp(scene, PROXY), await RawSocket.openTcp(scene, PROXY)];

  for (const character of whole) inPieces.write(character);
  inOne.write(whole);

  for (const raw of [inPieces, inOne]) await eventually(() => expect(raw.text()).toMatch(/^HTTP\/1\.1 101 /));
  inPieces.destroy();
  inOne.destroy();
  await scene.expectUnharmed();
});

it("refuses pages of other origins with 1008, and takes those of the list, and who is no browser", async () => {
  const scene = await openScene({ tls: "off", allowedOrigins: ["https://app.example.com"] });
  const others = ["https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com", ""];

  for (const origin of others) {
    const raw = await RawSocket.openTcp(scene, STRANGER);
    raw.write(upgradeRequest([`Origin: ${origin}`]));
    await raw.closed();
    expect(raw.text().endsWith("\x88\x08\x03\xf0origin"), origin).toBe(true);
  }
  expect(await statusFor(scene, STRANGER, ["Origin: https://app.example.com"])).toMatch(/ 101 /);
  expect(await statusFor(scene, STRANGER)).toMatch(/ 101 /);
  await scene.expectUnharmed();
});

it("gives every refusal an id of its own, under which it is in the access log and nowhere else", async () => {
  const scene = await openScene({ tls: "off", ipAllow: ["127.0.0.1"], accessLog: "all" });
  const raw = await RawSocket.openTcp(scene, STRANGER);

  raw.write(upgradeRequest());
  await raw.closed();

  const [, id] = /\r\nX-Request-Id: ([a-z2-7]{10})\r\n/.exec(raw.text()) ?? [];
  const lines = scene.logLines().filter((line) => line["requestId"] === id);
  expect(lines).toMatchObject([{ msg: "refuse", clientAddress: STRANGER, reason: "address", status: 403 }]);
  expect(raw.text()).not.toContain(STRANGER);
  await scene.expectUnharmed();
});
