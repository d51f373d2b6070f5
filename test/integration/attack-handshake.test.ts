import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { openScene, type Scene } from "./attack-scene.ts";

const IN_TIME = { handshakeTimeoutMs: 300 };
/** The timeout, the interval at which Node looks for it, and room for a slow machine. */
const BOUND_MS = 8000;

/** A record header that announces 512 bytes of ClientHello, and the first few of them (RFC 8446 section 5.1). */
const PART_OF_CLIENT_HELLO = Buffer.from("160301020001000001fc0303", "hex");

const openTcp = async (scene: Scene): Promise<RawSocket> => RawSocket.openTcp(scene);
const openTls = async (scene: Scene): Promise<RawSocket> => RawSocket.open(scene);

async function expectClosedInTime(raw: RawSocket): Promise<void> {
  const startedAtMs = performance.now();
  await raw.closed();
  expect(performance.now() - startedAtMs).toBeLessThan(BOUND_MS);
}

it("closes a TCP connection on which nothing comes", async () => {
  const scene = await openScene(IN_TIME);

  const raw = await RawSocket.openTcp(scene);

  await expectClosedInTime(raw);
  await scene.expectUnharmed();
});

it("closes a connection that stops in the middle of the TLS handshake", async () => {
  const scene = await openScene(IN_TIME);
  const raw = await RawSocket.openTcp(scene);

  raw.write(PART_OF_CLIENT_HELLO);

  await expectClosedInTime(raw);
  await scene.expectUnharmed();
});

it.each([
  ["has sent nothing", openTcp, ""],
  ["is in the middle of the TLS handshake", openTcp, PART_OF_CLIENT_HELLO],
  ["has finished TLS and sent nothing", openTls, ""],
  ["is in the middle of the upgrade request", openTls, upgradeRequest().slice(0, 60)],
])("stops in its drain time while a connection %s", async (_name, open, bytes) => {
  const scene = await openScene({ handshakeTimeoutMs: 60_000 });
  const raw = await open(scene);
  raw.write(bytes);
  const startedAtMs = performance.now();

  void scene.stop();

  await raw.closed();
  expect(performance.now() - startedAtMs).toBeLessThan(BOUND_MS);
});

it("closes every connection that half-closes, at whatever point of the handshakes", async () => {
  const scene = await openScene();
  const raws = await Promise.all([openTcp(scene), openTcp(scene), openTls(scene), openTls(scene)]);

  raws[1].write(PART_OF_CLIENT_HELLO);
  raws[3].write(upgradeRequest().slice(0, 60));
  for (const raw of raws) raw.end();

  await Promise.all(raws.map(expectClosedInTime));
  await scene.expectUnharmed();
});

it("closes every connection that sends something else where TLS is due, and says no more in the clear than that TLS is due", async () => {
  const scene = await openScene(IN_TIME);
  const greetings = [
    "\u0000\u0001 not a greeting \r\n\r\n".repeat(20),
    Buffer.from("ff0301000401020304", "hex"),
    "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    upgradeRequest(),
  ];
  const raws = await Promise.all(greetings.map(async () => openTcp(scene)));

  for (const [index, raw] of raws.entries()) raw.write(greetings[index] ?? "");

  await Promise.all(raws.map(expectClosedInTime));
  expect(raws.slice(0, 2).filter((raw) => raw.text().includes("HTTP"))).toEqual([]);
  for (const raw of raws.slice(2)) expect(raw.text()).toMatch(/^HTTP\/1\.1 400 [^]*\r\n\r\nThis port speaks TLS.*\n$/);
  await scene.expectUnharmed();
});

it("closes every connection that stops behind the TLS handshake, with 408 if it has begun a request", async () => {
  const scene = await openScene(IN_TIME);
  const parts = ["", upgradeRequest().slice(0, 60), upgradeRequest().slice(0, -2)];
  const raws = await Promise.all(parts.map(async () => openTls(scene)));

  for (const [index, raw] of raws.entries()) raw.write(parts[index] ?? "");

  await Promise.all(raws.map(expectClosedInTime));
  for (const raw of raws.slice(1)) expect(raw.text()).toMatch(/^HTTP\/1\.1 408 /);
  await scene.expectUnharmed();
});

it("closes a client that sends its headers one byte at a time", async () => {
  const scene = await openScene(IN_TIME);
  const raw = await RawSocket.open(scene);
  const startedAtMs = performance.now();
  const endlessRequest = upgradeRequest([`X-Slow: ${"z".repeat(8000)}`]);
  let sentBytes = 0;

  // `eventually` is the drip: one byte at each look.
  await eventually(() => {
    raw.write(endlessRequest.charAt(sentBytes));
    sentBytes += 1;
    expect(raw.isClosed).toBe(true);
  });

  expect(performance.now() - startedAtMs).toBeLessThan(BOUND_MS);
  await scene.expectUnharmed();
});

it("closes a plain TCP client that sends nothing where TLS is left to a proxy", async () => {
  const scene = await openScene({ ...IN_TIME, tls: "off" });

  const raw = await RawSocket.openTcp(scene);

  await expectClosedInTime(raw);
  await scene.expectUnharmed();
});

it("takes the upgrade of a client that is slow but in time, in pieces that split every line", async () => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);

  for (const character of upgradeRequest()) raw.write(character);

  await eventually(() => expect(raw.text()).toMatch(/^HTTP\/1\.1 101 /));
  raw.end();
  await scene.expectUnharmed();
});
