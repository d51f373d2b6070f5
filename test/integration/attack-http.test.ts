import { expect, it } from "vitest";
import { answerTo, RawSocket } from "../support/raw-socket.ts";
import { openScene, type Scene } from "./attack-scene.ts";

const PATHS = ["/", "/health", "/ready", "/stats"];

const UNKNOWN_TARGETS = [
  "/unknown",
  "/HEALTH",
  "/health/",
  "/../health",
  "/../../../../etc/passwd",
  "/..%2f..%2fetc%2fpasswd",
  "/%2e%2e/%2e%2e/etc/passwd",
  "/plures/../../etc/passwd",
  "/..\\..\\windows\\win.ini",
  "//health",
  "/%00",
  "/health%0d%0aSet-Cookie:x",
  "/<script>alert(1)</script>",
  "/__proto__",
  "/constructor",
  "/toString",
  "http://169.254.169.254/latest/meta-data",
  "http://localhost/unknown",
];

/** None of them asks for the connection to be closed: that is the relay's wish. */
const REQUESTS_WITH_BODY = {
  "413 GET with a length": kept("GET /", ["Content-Length: 5"], "hello"),
  "413 GET with chunks": kept("GET /health", ["Transfer-Encoding: chunked"], "5\r\nhello\r\n0\r\n\r\n"),
  "405 POST with a length": kept("POST /stats", ["Content-Length: 5"], "hello"),
  "404 POST on an unknown path": kept("POST /unknown", ["Content-Length: 5"], "hello"),
  "405 POST that announces a terabyte": kept("POST /", ["Content-Length: 1099511627776"], "hello"),
  "413 GET that announces a terabyte": kept("GET /", ["Content-Length: 1099511627776"], "hello"),
  "405 POST that announces a body and sends none": kept("POST /", ["Content-Length: 5"]),
  "413 HEAD that announces a body and sends none": kept("HEAD /", ["Content-Length: 5"]),
};

/** RFC 9112 sections 3, 5, 6 and 11.2: what a relay behind a proxy must not understand in its own way. */
const BROKEN_REQUESTS = {
  "a length and chunks": request("POST /", ["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"),
  "chunks and a length": request("POST /", ["Transfer-Encoding: chunked", "Content-Length: 5"], "0\r\n\r\n"),
  "two lengths": request("POST /", ["Content-Length: 5", "Content-Length: 6"], "hello!"),
  "a list of lengths": request("POST /", ["Content-Length: 5, 6"], "hello!"),
  "a negative length": request("POST /", ["Content-Length: -1"]),
  "a length with a sign": request("POST /", ["Content-Length: +5"], "hello"),
  "a length in hex": request("POST /", ["Content-Length: 0x5"], "hello"),
  "a length beyond 64 bits": request("POST /", [`Content-Length: ${"9".repeat(30)}`], "hello"),
  "chunks that are not the last coding": request("POST /", ["Transfer-Encoding: chunked, identity"], "0\r\n\r\n"),
  "a space before the colon": request("POST /", ["Transfer-Encoding : chunked"], "0\r\n\r\n"),
  "a folded header": request("GET /", ["X-Folded: a\r\n b"]),
  "a null byte": request("GET /", ["X-Null: \u0000"]),
  "line breaks without their carriage return": request("GET /").replaceAll("\r\n", "\n"),
  "a target with a raw escape code": request("GET /\u001b[31m"),
  "no target": request("GET"),
  "an unknown method": request("BREW /"),
  "an unknown version": request("GET /").replace("HTTP/1.1", "HTTP/3.7"),
  "no host": "GET / HTTP/1.1\r\n\r\n",
  "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "a second TLS greeting": "\u0016\u0003\u0001\u0002\u0000\u0001",
};

/** A request with a host, that leaves the connection open. */
function kept(line: string, headerLines: readonly string[] = [], body = ""): string {
  return `${[`${line} HTTP/1.1`, "Host: localhost", ...headerLines].join("\r\n")}\r\n\r\n${body}`;
}

/** A request with a host, that is the last on its connection. */
function request(line: string, headerLines: readonly string[] = [], body = ""): string {
  return kept(line, ["Connection: close", ...headerLines], body);
}

function statusesOf(answer: string): string[] {
  return Array.from(answer.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => status ?? "");
}

/** Sends each request on a connection of its own and gives what comes back, by the name of the case. */
async function answersTo(scene: Scene, requests: Readonly<Record<string, string>>): Promise<[string, string][]> {
  const cases = Object.entries(requests);
  return Promise.all(cases.map(async ([name, bytes]) => [name, await answerTo(scene, bytes)] as [string, string]));
}

/** One request for each target, by the target. */
function requestsFor(method: string, targets: readonly string[]): Record<string, string> {
  return Object.fromEntries(targets.map((target) => [target, request(`${method} ${target}`)]));
}

it("refuses every method but GET and HEAD on every known path with 405 and says what is allowed", async () => {
  const scene = await openScene();
  const methods = ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "TRACE"];
  const lines = methods.flatMap((method) => PATHS.map((path) => `${method} ${path}`));

  const answers = await answersTo(scene, Object.fromEntries(lines.map((line) => [line, request(line)])));

  for (const [line, answer] of answers) {
    expect(answer, line).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
    expect(answer, line).toMatch(/\r\nallow: GET, HEAD\r\n/i);
  }
  await scene.expectUnharmed();
});

it("answers HEAD on every known path like GET, without the body", async () => {
  const scene = await openScene();

  const answers = await answersTo(scene, requestsFor("HEAD", PATHS));

  for (const [path, answer] of answers) {
    expect(statusesOf(answer), path).toEqual(["200"]);
    expect(answer, path).toMatch(/\r\ncontent-length: [1-9]\d*\r\n/i);
    expect(answer.indexOf("\r\n\r\n"), path).toBe(answer.length - 4);
  }
  await scene.expectUnharmed();
});

it("answers 404 to every target that it does not know, and repeats nothing of it", async () => {
  const scene = await openScene();

  const answers = await answersTo(scene, requestsFor("GET", UNKNOWN_TARGETS));

  for (const [target, answer] of answers) {
    expect(statusesOf(answer), target).toEqual(["404"]);
    expect(answer, target).toMatch(/\r\n\r\nNot Found$/);
    expect(answer, target).toMatch(/\r\nx-content-type-options: nosniff\r\n/i);
    expect(answer, target).not.toContain(target);
  }
  await scene.expectUnharmed();
});

it("is no proxy: it refuses a CONNECT, whatever comes behind it or before it", async () => {
  const scene = await openScene();

  const connect = "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n";

  const answer = await answerTo(scene, connect);
  const behind = await answerTo(scene, connect + kept("GET /stats"));
  const before = await answerTo(scene, kept("GET /health").repeat(3) + connect);

  expect(answer).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
  expect(answer).toMatch(/\r\nallow: GET, HEAD\r\n/i);
  expect(statusesOf(behind)).toEqual(["405"]);
  // What is being answered when it comes is cut off: the answer to a CONNECT must not end up in another one.
  expect(statusesOf(before).join()).toMatch(/^200(,200)*(,405)?$/);
  await scene.expectUnharmed();
});

it("refuses every request with a body and closes, whether the body comes or not", async () => {
  const scene = await openScene();

  const answers = await answersTo(scene, REQUESTS_WITH_BODY);

  for (const [name, answer] of answers) {
    expect(statusesOf(answer)[0], name).toBe(name.slice(0, 3));
    expect(answer, name).toMatch(/\r\nconnection: close\r\n/i);
  }
  await scene.expectUnharmed();
});

it("closes a connection that sends a body of chunks without end", async () => {
  const scene = await openScene();
  const raw = await RawSocket.open(scene);
  const chunk = Buffer.from(`8000\r\n${"x".repeat(0x8000)}\r\n`);

  raw.write("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  while (!raw.isClosed) await raw.writeAndWait(chunk);

  expect(statusesOf(raw.text())).toEqual(["405"]);
  await scene.expectUnharmed();
});

it("refuses every request that two readers could read differently with 400, once, and answers nothing behind it", async () => {
  const scene = await openScene();
  const requests = Object.entries(BROKEN_REQUESTS).map(([name, bytes]) => [name, bytes + kept("GET /stats")]);

  const answers = await answersTo(scene, Object.fromEntries(requests));

  for (const [name, answer] of answers) {
    expect(statusesOf(answer), name).toEqual(["400"]);
    expect(answer, name).not.toContain("uptime");
  }
  await scene.expectUnharmed();
});

it("answers pipelined requests one after the other, in their order", async () => {
  const scene = await openScene();
  const requests = [kept("GET /health"), kept("GET /unknown"), kept("GET /stats"), request("POST /ready")];

  const answer = await answerTo(scene, requests.join(""));

  expect(statusesOf(answer)).toEqual(["200", "404", "200", "405"]);
  await scene.expectUnharmed();
});

it("ends a connection that pipelines requests without end", async () => {
  const scene = await openScene();

  const answer = await answerTo(scene, kept("GET /health").repeat(3000));

  expect(statusesOf(answer).filter((status) => status === "200").length).toBeLessThanOrEqual(1000);
  await scene.expectUnharmed();
});

it("refuses a request with more headers than it takes with 431", async () => {
  const scene = await openScene();

  const answers = await answersTo(scene, {
    "a long target": request(`GET /?${"q".repeat(20_000)}`),
    "a long header": request("HEAD /", [`Cookie: ${"c".repeat(20_000)}`]),
    "many headers": request(
      "GET /",
      Array.from({ length: 5000 }, (_, index) => `X-${index}: x`),
    ),
  });

  for (const [name, answer] of answers) expect(statusesOf(answer), name).toEqual(["431"]);
  await scene.expectUnharmed();
});
