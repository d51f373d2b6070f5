import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { startTestRelay, type TestRelay, type TestRelayOptions } from "../../relay/testing.ts";

async function start(options?: TestRelayOptions): Promise<TestRelay> {
  const relay = await startTestRelay(options);
  onTestFinished(() => relay.stop());
  return relay;
}

/** What a client gets for its join, which is closed again. */
async function joinAt(url: string, ca?: string): Promise<string> {
  const socket = new WebSocket(url, "postern.v1", ca === undefined ? {} : { ca });
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "join", topic: "t" }));
  const [answer] = (await once(socket, "message")) as [Buffer];
  socket.terminate();
  return (JSON.parse(answer.toString()) as { readonly type: string }).type;
}

it("starts a relay for the tests of an app, with a certificate that they can trust by either way", async () => {
  const relay = await start();

  expect(relay.url).toBe(`wss://127.0.0.1:${relay.port}`);
  expect(relay.fingerprint).toBe(new X509Certificate(relay.certificate ?? "").fingerprint256);
  expect(await joinAt(relay.url, relay.certificate)).toBe("joined");
  expect(await joinAt(`wss://localhost:${relay.port}`, relay.certificate)).toBe("joined");
});

it("starts one without TLS, and another in its place", async () => {
  const first = await start({ tls: false });
  const answer = await joinAt(first.url);
  await first[Symbol.asyncDispose]();
  await first.stop();
  const second = await start({ tls: false, port: first.port });

  expect([answer, first.certificate, first.fingerprint]).toEqual(["joined", undefined, undefined]);
  expect(second.url).toBe(first.url);
  expect(await joinAt(second.url)).toBe("joined");
});

it("says with a code why it does not start", async () => {
  const { port } = await start({ tls: false });

  await expect(startTestRelay({ tls: false, port })).rejects.toMatchObject({ code: "PORT_IN_USE" });
});
