import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcpServer } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import type { Socket, SocketEnd } from "../../client/line/socket.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { eventually } from "../support/eventually.ts";
import { causeOf, failureOf, outcomeOf, testDial } from "../support/node-dial.ts";
import { startRelay } from "../support/relay.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";

/** A TLS server that keeps what it is sent, and answers nothing. */
async function serveTls(material: { readonly certificate: string; readonly key: string }) {
  const received: string[] = [];
  const server = createServer({ cert: material.certificate, key: material.key }, (socket: TLSSocket) => {
    socket.on("data", (chunk: Buffer) => received.push(chunk.toString()));
    socket.on("error", () => undefined);
    onTestFinished(() => void socket.destroy());
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  return { received, url: `wss://localhost:${typeof address === "object" ? address?.port : ""}` };
}

it("trusts the one certificate that is pinned, whoever has signed it", async () => {
  const relay = await startRelay();
  const { fingerprint256 } = new X509Certificate(relay.certificate ?? "");

  expect(await outcomeOf(relay.url, { tls: { fingerprint: fingerprint256 } })).toMatchObject({
    tls: { fingerprint256, intercepted: "no", provedBy: "fingerprint", issuer: "localhost", isSmallHello: false },
  });
  const several = ["AB".repeat(32), fingerprint256];
  expect(await outcomeOf(relay.url, { tls: { fingerprint: several } })).toMatchObject({ tls: expect.anything() });
});

it("sends nothing, not even the head of its request, to a server with another certificate than the pinned one", async () => {
  const { received, url } = await serveTls(sharedCertificate());
  const other = "AB:".repeat(31) + "AB";

  expect(await causeOf(url, { tls: { fingerprint: other } })).toContain("another certificate than the pinned one");
  expect(await causeOf(url.replace("wss:", "ws:"), { tls: { fingerprint: other } })).toContain("has no TLS");

  // A third connection is through its handshake after the first: what that one had sent would be here.
  void outcomeOf(url, { tls: { ca: sharedCertificate().certificate } });
  await eventually(() => expect(received).toHaveLength(1));
  expect(received[0]).toMatch(/^GET \/ HTTP/);
});

it("names what is wrong with a certificate: not trusted, for another name, no TLS at all", async () => {
  const relay = await startRelay();
  const other = createSelfSigned({ names: ["other.test"], notBefore: new Date(Date.now() - 60_000), lifetimeDays: 3 });
  const { url } = await serveTls(other);
  const plain = createTcpServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  plain.listen(0, "127.0.0.1");
  await once(plain, "listening");
  onTestFinished(() => void plain.close());
  const plainAddress = plain.address();

  // Who has signed it, and for how long, only a second connection shows.
  expect(await causeOf(relay.url)).toMatch(
    /self-signed: trust it by its fingerprint \(DEPTH_ZERO_SELF_SIGNED_CERT\); it is signed by localhost, for the time from .* to .* GMT$/,
  );
  expect(await causeOf(url, { tls: { ca: other.certificate } })).toContain(
    "the certificate is for other.test, not for localhost",
  );
  expect(await causeOf(`wss://localhost:${typeof plainAddress === "object" ? plainAddress?.port : ""}`)).toContain(
    "speaks no TLS",
  );
});

it("reads the relay's word, its sentence and the request's id where an upgrade is refused", async () => {
  const relay = await startRelay();

  const end = await failureOf(`${relay.url}/nowhere`, { tls: { ca: relay.certificate } });

  expect(end).toMatchObject({
    code: undefined,
    refusal: { status: 404, word: "no-such-path", requestId: expect.any(String), retryAfterMs: undefined },
  });
  expect(end.cause instanceof Error && end.cause.message).toBe("HTTP 404: no-such-path: Not Found");
});

it("lives on while a server that does not read it sends more pings than can be answered", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "postern.v1" });
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, "listening");
  const address = server.address();
  const accepted = once(server, "connection") as Promise<[ServerSocket]>;
  const texts: string[] = [];
  const ends: SocketEnd[] = [];
  const { promise: opened, resolve } = Promise.withResolvers<void>();
  const socket: Socket = testDial()(`ws://127.0.0.1:${typeof address === "object" ? address?.port : ""}`, {
    onOpen: resolve,
    onText: (text) => texts.push(text),
    onBytes: () => undefined,
    onEnd: (end) => ends.push(end),
  });
  const [far] = await accepted;
  far.pause();
  await opened;
  for (let count = 0; count < 32; count += 1) socket.send(new Uint8Array(1_000_000));
  await eventually(() => expect(socket.bufferedBytes).toBeGreaterThan(1_000_000));

  for (let count = 0; count < 200; count += 1) far.ping();
  far.send("behind them");

  await eventually(() => expect(texts).toEqual(["behind them"]));
  expect(ends).toEqual([]);
  socket.close("");
});
