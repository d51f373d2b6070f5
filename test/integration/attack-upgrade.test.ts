import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { answerTo, encodeFrame, Opcode, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { openScene } from "./attack-scene.ts";

/** An upgrade request in which one header line is another, or is missing. */
function upgradeWith(name: string, line?: string): string {
  const lines = upgradeRequest().split("\r\n");
  return lines.flatMap((old) => (old.startsWith(`${name}:`) ? (line ?? []) : old)).join("\r\n");
}

const UNKNOWN_TARGETS = [
  "/unknown",
  "/health",
  "/stats",
  "/pluresque",
  "//",
  "//plures",
  "/./",
  "/../",
  "/..%2f..%2fetc%2fpasswd",
  "/%2e%2e/plures/",
  "/plures%2f",
  "/%00",
  "/;/plures/",
  "/__proto__",
  "/constructor",
  "http://localhost/unknown",
  "https://elsewhere.example/unknown",
  "file:///etc/passwd",
];

/** The status with which each is refused, and the request. */
const REFUSED: readonly (readonly [name: string, status: number, request: string])[] = [
  ["without a key", 400, upgradeWith("Sec-WebSocket-Key")],
  ["with a short key", 400, upgradeWith("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=")],
  [
    "with a key that is not base64",
    400,
    upgradeWith("Sec-WebSocket-Key", "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="),
  ],
  ["with two keys", 400, upgradeRequest(["Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="])],
  ["without a version", 400, upgradeWith("Sec-WebSocket-Version")],
  ["with version 99", 400, upgradeWith("Sec-WebSocket-Version", "Sec-WebSocket-Version: 99")],
  ["with a version that is no number", 400, upgradeWith("Sec-WebSocket-Version", "Sec-WebSocket-Version: ../13")],
  ["without a host", 400, upgradeWith("Host")],
  ["with a subprotocol that is no token", 400, upgradeRequest(["Sec-WebSocket-Protocol: a\u00e9b"])],
  ["with a subprotocol said twice", 400, upgradeRequest(["Sec-WebSocket-Protocol: postern.v1, postern.v1"])],
  ["with another version of our subprotocol alone", 400, upgradeRequest(["Sec-WebSocket-Protocol: postern.v9"])],
  ["by POST", 405, upgradeRequest().replace("GET", "POST")],
  ["with headers above the limit", 431, upgradeRequest([`X-Large: ${"x".repeat(20_000)}`])],
  ["with very many headers", 431, upgradeRequest(Array.from({ length: 5000 }, (_, index) => `X-${index}: x`))],
  ["with a target above the limit", 431, upgradeRequest([], `/${"x".repeat(20_000)}`)],
  ["with a header line that has a space in its name", 400, upgradeRequest(["X Bad: x"])],
  ["with a null byte in a header", 400, upgradeRequest(["X-Bad: \u0000"])],
];

it("opens no WebSocket on any target that is not the relay's", async () => {
  const scene = await openScene();

  const answers = await Promise.all(UNKNOWN_TARGETS.map((target) => answerTo(scene, upgradeRequest([], target))));

  for (const [index, answer] of answers.entries()) {
    expect(answer, UNKNOWN_TARGETS[index]).toMatch(/^HTTP\/1\.1 404 Not Found\r\n.*\r\n\r\nNot Found\n$/s);
  }
  await scene.expectUnharmed();
});

it.each(REFUSED)("refuses an upgrade %s with %i, and closes", async (_name, status, request) => {
  const scene = await openScene();

  const answer = await answerTo(scene, request);

  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(answer).not.toContain("101 ");
  await scene.expectUnharmed();
});

it("names the versions that it speaks to a client that asks for another", async () => {
  const scene = await openScene();

  const answer = await answerTo(scene, upgradeWith("Sec-WebSocket-Version", "Sec-WebSocket-Version: 99"));

  expect(answer).toMatch(/\r\nSec-WebSocket-Version: 13/);
  await scene.expectUnharmed();
});

it("does not agree to compression, however it is offered", async () => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);

  raw.write(upgradeRequest(["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]));

  await eventually(() => expect(raw.text()).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\n/s));
  expect(raw.text()).not.toMatch(/extensions/i);
  raw.end();
  await scene.expectUnharmed();
});

it("chooses postern.v1 behind a thousand other subprotocols", async () => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);
  const names = Array.from({ length: 1000 }, (_, index) => `p${index}`);

  raw.write(upgradeRequest([`Sec-WebSocket-Protocol: ${names.join(", ")}, postern.v1`]));

  await eventually(() => expect(raw.text()).toMatch(/\r\nSec-WebSocket-Protocol: postern\.v1\r\n/));
  raw.end();
  await scene.expectUnharmed();
});

it("writes no answer to an earlier request of the same connection behind the answer to its upgrade", async () => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);
  const health = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

  raw.write(health + health + upgradeRequest());
  raw.write(encodeFrame({ opcode: Opcode.close }));

  await raw.closed();
  expect(raw.text().split("HTTP/1.1 101 ")[1] ?? "").not.toContain("HTTP/1.1");
  await scene.expectUnharmed();
});

it("answers nothing that is pipelined behind an upgrade: it is no frame", async () => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);

  raw.write(`${upgradeRequest()}GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n`);

  await raw.closed();
  expect(raw.text().match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 101"]);
  expect(raw.text()).not.toContain("uptime");
  await scene.expectUnharmed();
});

it.each([
  ["a length", ["Content-Length: 5"], "hello"],
  ["chunks", ["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"],
])("ends an upgrade that has a body told by %s", async (_name, headerLines, body) => {
  const scene = await openScene({ sweepIntervalMs: 200 });
  const raw = await RawSocket.open(scene);

  raw.write(upgradeRequest(headerLines) + body);

  await raw.closed();
  await scene.expectUnharmed();
});

it.each([
  ["goes away", (raw: RawSocket) => raw.destroy()],
  ["half-closes", (raw: RawSocket) => raw.end()],
])("forgets a client that %s right behind its upgrade request", async (_name, leave) => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);

  await raw.writeAndWait(Buffer.from(upgradeRequest()));
  leave(raw);

  await raw.closed();
  await scene.expectUnharmed();
});

it("refuses the upgrade above the connection limit with 503, and takes the next when one has left", async () => {
  const scene = await openScene({ maxConnections: 3 });
  const last = await RawSocket.openWebSocket(scene);

  const answer = await answerTo(scene, upgradeRequest());

  expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  expect(answer).toMatch(/\r\nRetry-After: \d+\r\n/);
  last.end();
  await scene.expectUnharmed();
  const next = await RawSocket.openWebSocket(scene);
  next.end();
  await scene.expectUnharmed();
});
