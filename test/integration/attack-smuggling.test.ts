import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { answerTo, encodeFrame, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { openScene } from "./attack-scene.ts";

const HEALTH = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
const COUNT_OF_ANSWERS = /HTTP\/1\.1 \d{3} /g;

/** Requests that a proxy and the relay might read differently, each with the only status it may get. */
const AMBIGUOUS: readonly (readonly [name: string, request: string])[] = [
  ["two hosts", upgradeRequest(["Host: elsewhere.example"])],
  ["the same host twice", upgradeRequest(["Host: localhost"])],
  ["a body of a length", `${upgradeRequest(["Content-Length: 5"])}hello`],
  ["a body in chunks", `${upgradeRequest(["Transfer-Encoding: chunked"])}5\r\nhello\r\n0\r\n\r\n`],
  ["a length and chunks", `${upgradeRequest(["Content-Length: 5", "Transfer-Encoding: chunked"])}0\r\n\r\n`],
  ["two lengths", `${upgradeRequest(["Content-Length: 0", "Content-Length: 5"])}hello`],
  ["a length that is none", upgradeRequest(["Content-Length: +5"])],
  ["a transfer encoding of another name", upgradeRequest(["Transfer-Encoding: xchunked"])],
  ["a folded line", upgradeRequest(["X-Folded: one\r\n two"])],
  ["a space before the colon", upgradeRequest(["Content-Length : 5"])],
  ["a line that ends in a bare CR", upgradeRequest(["X-Bare: one\rContent-Length: 5"])],
  ["a control character in a name", upgradeRequest(["X\u000bBad: x"])],
  ["a version that does not exist", upgradeRequest().replace("HTTP/1.1", "HTTP/1.9")],
];

it.each(AMBIGUOUS)("refuses with 400 an upgrade with %s, and reads nothing behind it", async (_name, request) => {
  const scene = await openScene({ tls: "off" });

  const answer = await answerTo(scene, request + HEALTH);

  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer.match(COUNT_OF_ANSWERS)).toHaveLength(1);
  await scene.expectUnharmed();
});

it("takes what comes behind an upgrade for frames, and never for a request", async () => {
  const scene = await openScene({ tls: "off" });

  const answer = await answerTo(scene, upgradeRequest() + HEALTH);

  expect(answer.match(COUNT_OF_ANSWERS)).toHaveLength(1);
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  await scene.expectUnharmed();
});

it("closes in the time to join a connection that sends one frame a byte at a time and has not joined", async () => {
  const scene = await openScene({ tls: "off", joinTimeoutMs: 500 });
  const raw = await RawSocket.openWebSocket(scene);
  const frame = encodeFrame({ payload: JSON.stringify({ type: "join", topic: "x".repeat(200) }) });
  const startedAtMs = performance.now();
  let sentBytes = 0;

  // `eventually` is the drip: one byte at each look, of a frame that is announced longer than it ever gets.
  await eventually(() => {
    raw.write(frame.subarray(sentBytes, Math.min(sentBytes + 1, frame.length - 1)));
    sentBytes += 1;
    expect(raw.isClosed).toBe(true);
  });

  expect(await raw.closeCode()).toBe(1008);
  expect(performance.now() - startedAtMs).toBeLessThan(8000);
  await scene.expectUnharmed();
});
