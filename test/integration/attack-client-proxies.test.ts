import { expect, it } from "vitest";
import { bare, HttpProxy, type ProxyVerdict } from "../support/http-proxy.ts";
import { failureOf } from "../support/node-dial.ts";
import { startRelay } from "../support/relay.ts";

const RELAY = "wss://relay.nowhere.invalid";
const AUTH = "Proxy-Authenticate: Basic\r\n";

it.each<[string, ProxyVerdict, string]>([
  ["no HTTP", { answer: "SSH-2.0-OpenSSH_9.2\r\n" }, "speaks no HTTP"],
  ["bytes without an end of line", { answer: Buffer.alloc(100_000, 1) }, "more than 65536 bytes came"],
  [
    "a megabyte of fields",
    { answer: `HTTP/1.1 200 OK\r\n${"X-Field: 0123456789\r\n".repeat(50_000)}\r\n` },
    "more than 65536",
  ],
  ["half a status line", { answer: "HTTP/1.1 20", next: "end" }, "connection was closed"],
  ["half a head", { answer: "HTTP/1.1 200 OK\r\nX-Field: 1\r\n", next: "end" }, "connection was closed"],
  ["a status of no kind", { answer: "HTTP/1.1 000 Zero\r\n\r\n" }, "speaks no HTTP"],
  ["HTTP/2", { answer: "HTTP/2 200 OK\r\n\r\n" }, "speaks no HTTP"],
  [
    "a tunnel that speaks first",
    { answer: `HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching` },
    "more than its answer came",
  ],
  ["nothing", { answer: "", next: "end" }, "connection was closed"],
])("takes %s for no answer, and holds none of it", async (_, verdict, text) => {
  const proxy = await HttpProxy.start({ judge: () => verdict });

  const { refusal, cause } = await failureOf(RELAY, { proxy: proxy.url() });

  expect(refusal).toMatchObject({ code: "proxy-refused", passes: true });
  expect(cause).toMatchObject({ message: expect.stringContaining(text) });
});

it("gives up after five rounds with a proxy that is never content", async () => {
  const proxy = await HttpProxy.start({ judge: () => ({ answer: bare("407 No", "Proxy-Authenticate: NTLM AAAA") }) });
  let count = 0;
  const onProxyAuth = (): string => `NTLM ${(count += 1)}`;

  expect((await failureOf(RELAY, { proxy: { url: proxy.url(), onProxyAuth } })).refusal).toMatchObject({
    code: "proxy-auth-required",
  });
  expect(proxy.requests).toHaveLength(5);
});

it.each<[string, string]>([
  ["a body without an end", `HTTP/1.1 407 No\r\n${AUTH}\r\nand on`],
  ["a body of a terabyte", `HTTP/1.1 407 No\r\n${AUTH}Content-Length: 1000000000000\r\n\r\n${"x".repeat(100_000)}`],
  ["a chunk without a size", `HTTP/1.1 407 No\r\n${AUTH}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ["a coding that nobody knows", `HTTP/1.1 407 No\r\n${AUTH}Transfer-Encoding: gzip\r\n\r\n`],
  ["a length that is none", `HTTP/1.1 407 No\r\n${AUTH}Content-Length: -1\r\n\r\n`],
])("asks on another connection behind a 407 with %s", async (_, answer) => {
  const proxy = await HttpProxy.start({
    judge: ({ connection }) => ({ answer: connection === 1 ? answer : bare("403 No") }),
  });

  const failure = await failureOf(RELAY, { proxy: { url: proxy.url(), onProxyAuth: () => "Basic QQ==" } });

  expect(failure.refusal).toMatchObject({ code: "proxy-refused", status: 403 });
  expect(proxy.requests.map(({ connection }) => connection)).toEqual([1, 2]);
});

it("lets no hook write another field into the request", async () => {
  const proxy = await HttpProxy.start({ judge: () => ({ answer: bare("407 No", "Proxy-Authenticate: Basic") }) });

  const { refusal } = await failureOf(RELAY, {
    proxy: { url: proxy.url(), onProxyAuth: () => "Basic QQ==\r\nX-Injected: 1" },
  });

  expect(refusal).toMatchObject({ code: "proxy-invalid" });
  expect(proxy.requests).toHaveLength(1);
});

it("shows no control characters of a proxy's phrase", async () => {
  const proxy = await HttpProxy.start({ judge: () => ({ answer: bare("403 \u001b[31mred\u0000") }) });

  const { cause } = await failureOf(RELAY, { proxy: proxy.url() });

  expect(cause).toMatchObject({ message: `http://localhost:${proxy.port} says 403  [31mred` });
});

it("believes no proxy that answers for the relay: TLS is with the relay itself", async () => {
  const relay = await startRelay();
  const proxy = await HttpProxy.start({ hosts: { "relay.example": "127.0.0.1" } });

  const failure = await failureOf(`wss://relay.example:${relay.port}`, {
    tls: { ca: relay.certificate },
    proxy: proxy.url(),
  });

  expect(failure.cause).toMatchObject({ message: expect.stringContaining("not for relay.example") });
});
