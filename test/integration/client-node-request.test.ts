import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { expect, it, onTestFinished } from "vitest";
import { nodeRequest } from "../../client/node/node-request.ts";
import type { HttpQuestion } from "../../client/polling/http-request.ts";
import { HttpProxy } from "../support/http-proxy.ts";
import { type DialOptions, testDialler } from "../support/node-dial.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A server with TLS that counts its connections. */
async function serve(handler: Handler) {
  const { certificate, key } = sharedCertificate();
  const server = createTlsServer({ cert: certificate, key }, (request, response) => void handler(request, response));
  const seen = { connectionCount: 0, url: "" };
  server.on("secureConnection", () => (seen.connectionCount += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  seen.url = `https://localhost:${typeof address === "object" ? address?.port : ""}`;
  return seen;
}

function asking(options: DialOptions = {}) {
  return nodeRequest(testDialler({ tls: { ca: sharedCertificate().certificate }, ...options }));
}

const question = (url: string, more: Partial<HttpQuestion> = {}): HttpQuestion => ({
  url,
  method: "GET",
  headers: {},
  signal: new AbortController().signal,
  ...more,
});

it("asks by the proxy, keeps the connection, and gives status, fields and body", async () => {
  const proxy = await HttpProxy.start();
  const server = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.writeHead(202, { "x-host": request.headers.host, "x-own": request.headers["x-own"] ?? "none" });
    response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`);
  });
  const ask = asking({ proxy: proxy.url() });

  const first = await ask(question(`${server.url}/a?b=c`, { headers: { "x-own": "1" } }));
  const second = await ask(question(`${server.url}/d`, { method: "POST", body: Buffer.from("body") }));

  expect([first.status, first.header("x-own"), Buffer.from(first.body).toString()]).toEqual([202, "1", "GET /a?b=c "]);
  expect(first.header("x-host")).toBe(new URL(server.url).host);
  expect(Buffer.from(second.body).toString()).toBe("POST /d body");
  expect([second.header("x-own"), second.header("x-other")]).toEqual(["none", undefined]);
  expect([server.connectionCount, proxy.requests.length]).toEqual([1, 1]);
});

it("takes no more of an answer than a relay may send, and ends when the caller does", async () => {
  const server = await serve((request, response) => {
    if (request.url === "/long") response.end(Buffer.alloc(4_194_305));
  });
  const ask = asking();
  const giveUp = new AbortController();

  await expect(ask(question(`${server.url}/long`))).rejects.toThrow("larger than a relay's may be");
  const pending = ask(question(`${server.url}/silent`, { signal: giveUp.signal }));
  giveUp.abort();
  await expect(pending).rejects.toThrow(/abort/i);
});

it("says in plain words why there is no connection, and passes a proxy's failure on", async () => {
  const plain = createServer();
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  onTestFinished(() => void plain.close());
  const address = plain.address();
  const port = typeof address === "object" ? address?.port : 0;

  await expect(asking()(question(`https://localhost:${port}/`))).rejects.toThrow("speaks no TLS");
  await expect(asking({ proxy: "http://127.0.0.1:1" })(question(`https://localhost:${port}/`))).rejects.toMatchObject({
    refusal: { code: "proxy-unreachable" },
  });
});
