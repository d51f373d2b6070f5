import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { decodeV1ClientMessage } from "../../protocol/v1-client-messages.ts";
import type { V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import { runSmoke } from "../../scripts/azure/smoke.ts";
import { waitUntilReady } from "../../scripts/azure/wait-until-ready.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { CertificateFiles, makePair } from "../support/certificate-files.ts";
import { Run } from "../support/process.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions, writeTemporary } from "../support/tokens.ts";

it("has two clients join, exchange messages and leave through a relay whose certificate they trust", async () => {
  const relay = await startRelay();
  const caFile = writeTemporary("ca.pem", relay.certificate ?? "");

  const run = new Run(["scripts/azure-smoke.ts", relay.url, "--ca-file", caFile]);

  expect(await run.exitCode()).toBe(0);
  expect(run.stdout).toMatch(/ok +certificate +trusted, \S+, \d+ days left, TLSv1\.3/);
  expect(run.stdout).toMatch(/ok +first byte +TLS after \d+ ms, first byte after \d+ ms/);
  for (const check of ["connect", "join", "exchange", "leave"])
    expect(run.stdout).toMatch(new RegExp(`^ok +${check} `, "m"));
  expect(relay.figures()).toMatchObject({ topics: 0, messages: 2 });
});

it("tries a relay that wants a token with one, out of a file", async () => {
  const relay = await startRelay(await tokenOptions());
  const caFile = writeTemporary("ca.pem", relay.certificate ?? "");
  const tokenFile = writeTemporary("token", `${await token({ claims: { topics: ["smoke-*"], maxConnections: 2 } })}\n`);
  const command = ["scripts/azure-smoke.ts", relay.url, "--ca-file", caFile];

  const [without, withToken] = [new Run(command), new Run([...command, "--token-file", tokenFile])];

  expect([await without.exitCode(), await withToken.exitCode()]).toEqual([1, 0]);
  expect(without.stdout).toMatch(/^FAILED +join +the relay refused: /m);
  expect(withToken.stdout).toMatch(/^ok +leave /m);
});

it("sends no token to a relay whose certificate is not checked", async () => {
  const relay = await startRelay();
  const lines: string[] = [];

  const trust = { isUntrusted: true, token: await token() };
  const isGood = await runSmoke(new URL(relay.url), { ...trust, say: (line) => lines.push(line) });

  expect(isGood).toBe(false);
  expect(lines.at(-1)).toMatch(/^FAILED +connect +a token goes to nobody/);
});

it("says which file it cannot read", async () => {
  const run = new Run(["scripts/azure-smoke.ts", "wss://localhost", "--token-file", "no/such/file"]);

  expect(await run.exitCode()).toBe(1);
  expect(run.stderr).toBe("azure-smoke: no/such/file cannot be read: ENOENT\n");
});

it("fails where clients do not trust the certificate, and stops there", async () => {
  const relay = await startRelay();

  const { isGood, lines } = await smoke(relay);

  expect(isGood).toBe(false);
  expect(lines).toEqual([
    expect.stringMatching(/^FAILED +certificate +clients do not trust it: DEPTH_ZERO_SELF_SIGNED/),
  ]);
});

it("fails where the certificate is for another name, even one that is not trusted anyway", async () => {
  const files = new CertificateFiles(
    makePair("other", 1, undefined, ["-addext", "subjectAltName=DNS:other.example.com"]),
  );
  const relay = await startRelay({ tls: "files", tlsKeyFile: files.keyFile, tlsCertFile: files.certificateFile });

  const { lines } = await smoke(relay, { isUntrusted: true });

  expect(lines[0]).toMatch(/^FAILED +certificate .*does not match certificate's altnames/);
});

it("fails where the relay takes no more connections", async () => {
  const relay = await startRelay({ maxConnections: 1 });

  const { isGood, lines } = await smoke(relay, { isUntrusted: true });

  expect(isGood).toBe(false);
  expect(lines.at(-1)).toMatch(/^FAILED +connect .*503/);
});

it.each([
  ["alters what it passes on", { data: "YWx0ZXJlZA==" }, /^FAILED +exchange +what arrived is not what was sent$/],
  ["says that somebody else left", { peerId: "third" }, /^FAILED +leave +somebody else left$/],
  ["does not tell who is there", { members: [] }, /^FAILED +join +the second does not see the first$/],
  ["gives no handles", { topicHandle: 0 }, /^FAILED +join +the relay sent a message with a bad topicHandle$/],
])("fails where the relay %s", async (_how, lie, said) => {
  const url = await startLiar(lie);

  const lines: string[] = [];
  const isGood = await runSmoke(new URL(url), { isUntrusted: true, say: (line) => lines.push(line) });

  expect(isGood).toBe(false);
  expect(lines.at(-1)).toMatch(said);
});

it("waits until a relay is ready, and tells what it says meanwhile", async () => {
  const port = await freePort();
  const said: string[] = [];
  const waiting = waitUntilReady(new URL(`wss://localhost:${port}`), {
    isUntrusted: true,
    timeoutMs: 8000,
    pollMs: 10,
    say: (line) => said.push(line),
  });

  await startRelay({ port });

  expect(await waiting).toBe(true);
  expect(said.at(-1)).toBe("/ready: ready");
});

it("gives up on a relay that is never ready", async () => {
  const port = await freePort();
  const said: string[] = [];

  const isReady = await waitUntilReady(new URL(`wss://localhost:${port}`), {
    isUntrusted: true,
    timeoutMs: 1,
    pollMs: 5,
    say: (line) => said.push(line),
  });

  expect(isReady).toBe(false);
  expect(said).toEqual(["/ready: ECONNREFUSED", "Not ready after 0.001 s."]);
});

async function smoke(
  relay: TestRelay,
  { isUntrusted } = { isUntrusted: false },
): Promise<{ isGood: boolean; lines: string[] }> {
  const lines: string[] = [];
  const isGood = await runSmoke(new URL(relay.url), { isUntrusted, say: (line) => lines.push(line) });
  return { isGood, lines };
}

type Message = Readonly<Record<string, unknown>>;

/** Something like a relay for two clients. Where it says something that the lie is about, it tells the lie. */
async function startLiar(lie: Message): Promise<string> {
  const { key, certificate } = makePair();
  const server = createTlsServer({ key, cert: certificate }, (_request, response) => void response.end("{}"));
  const sockets: WebSocket[] = [];
  const tell = (to: WebSocket | undefined, truth: V1RelayMessage): void => {
    const said = Object.entries(truth).map(([name, value]) => [name, name in lie ? lie[name] : value]);
    to?.send(JSON.stringify(Object.fromEntries(said)));
  };
  new WebSocketServer({ server }).on("connection", (socket) => {
    const place = sockets.push(socket) - 1;
    socket.on("message", (bytes: Buffer) => {
      const message = decodeV1ClientMessage(bytes.toString());
      const own = { topic: "t", peerId: place === 0 ? "first" : "second", peerHandle: place + 1 };
      const other = sockets[1 - place];
      if (message.type === "data") tell(other, { type: "data", ...own, data: message.data });
      if (message.type === "leave") tell(other, { type: "peer-left", ...own });
      if (message.type !== "join") return;
      const members = place === 0 ? [] : [{ peerId: "first", peerHandle: 1 }];
      const limits = { maxFrameBytes: 1024, maxTopicsPerConnection: 1 };
      tell(socket, { type: "joined", topicHandle: 1, ...own, members, limits });
      if (place === 1) tell(other, { type: "peer-joined", ...own });
    });
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
    server.close();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return `wss://localhost:${(server.address() as AddressInfo).port}`;
}
