import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, RequestListener } from "node:http";
import { createServer as createTlsServer, type Server } from "node:https";
import { type AddressInfo, connect, createServer, type Socket, type Server as TcpServer } from "node:net";
import type { Duplex } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { type Clock, systemClock } from "../../client/clock.ts";
import { type DiagnoseOptions, type Diagnosis, diagnoseBy } from "../../client/doctor/diagnosis.ts";
import { diagnose } from "../../client/doctor.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { makePair } from "../support/certificate-files.ts";
import { startRelay } from "../support/relay.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";
import { token, tokenOptions } from "../support/tokens.ts";
import { WayProxy } from "../support/way-proxy.ts";

const ca = (): DiagnoseOptions => ({ tls: { ca: sharedCertificate().certificate } });
const IDENTITY = JSON.stringify({ service: "postern" });

it("finds nothing wrong with a relay, and tells each finding as it is found", async () => {
  const relay = await startRelay({ stunPort: 0 });
  const told: string[] = [];

  const { verdict, findings } = await diagnose(`${relay.url}/?token=secret#secret`, {
    ...ca(),
    onFinding: ({ check }) => told.push(check),
  });

  expect(verdict).toEqual({ works: true, sentence: "Apps get through to the relay", hindrance: undefined });
  expect(findings.map(({ check, state }) => `${check} ${state}`)).toEqual([
    "proxy ok",
    "name ok",
    "tcp ok",
    "tls ok",
    "first flight ok",
    "http ok",
    "clock ok",
    "upgrade ok",
    "join ok",
    "interception warned",
    "frames ok",
    "round trip ok",
    "throughput ok",
    "quiet skipped",
    "udp skipped",
    "long poll skipped",
  ]);
  expect(told).toEqual(findings.map(({ check }) => check).filter((check) => check !== "long poll"));
  await expect.poll(() => relay.figures().topics).toBe(0);
});

it("has no false cause in 20 runs, and leaves no connection behind", async () => {
  const relay = await startRelay({ tls: "off" });

  const verdicts = await Promise.all(Array.from({ length: 20 }, () => diagnose(relay.url)));

  expect(verdicts.filter(({ verdict }) => !verdict.works)).toEqual([]);
  await expect.poll(() => relay.figures().connections).toBe(0);
});

it("tells nothing that is secret", async () => {
  const relay = await startRelay({ tls: "off" });
  const address = relay.url.replace("//", "//user:hidden-password@");

  const diagnosis = await diagnose(`${address}/?key=hidden-key`, { token: "hidden-token" });

  expect(JSON.stringify(diagnosis)).not.toContain("hidden");
  expect(diagnosis.address).toBe(relay.url);
});

it("knows a relay by its pin, and another one by it too", async () => {
  const relay = await startRelay();
  const { fingerprint256 } = new X509Certificate(sharedCertificate().certificate);

  const known = await diagnose(relay.url, { tls: { fingerprint: fingerprint256.toLowerCase() } });
  const other = await diagnose(relay.url, { tls: { fingerprint: "ab".repeat(32) } });

  expect(known.verdict.works).toBe(true);
  expect(other.verdict).toMatchObject({ works: false, cause: "certificate-not-pinned" });
});

it("waits on a quiet connection when it is asked to", async () => {
  const relay = await startRelay({ tls: "off" });

  const { findings } = await diagnose(relay.url, { quietSeconds: 1 });

  expect(findings.find(({ check }) => check === "quiet")).toMatchObject({ state: "ok" });
});

it("says that a quiet connection is cut", async () => {
  const cutter = await swallower((socket) => setTimeout(() => socket.destroy(), 800).unref(), { answers: true });

  const { verdict } = await diagnose(cutter, { ...ca(), quietSeconds: 1 });

  expect(verdict).toMatchObject({ cause: "quiet-connection-cut" });
});

it.each([
  ["not-an-address", {}, "address-invalid"],
  ["https://localhost", {}, "address-invalid"],
  ["wss://localhost", { tls: { fingerprint: "short" } }, "option-invalid"],
  ["wss://localhost", { quietSeconds: -1 }, "option-invalid"],
] as const)("refuses %s with %j as %s", async (address, options, code) => {
  await expect(diagnose(address, options)).rejects.toMatchObject({ code });
});

it("tells a name that is not there from a port that is refused", async () => {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));

  const unknown = await diagnose("wss://no-such-host.invalid");
  const refused = await diagnose(`wss://localhost:${port}`);

  // Where there is no DNS at all, it is not the name's fault.
  expect(["name-unknown", "name-silent"]).toContain(causeOf(unknown));
  expect(causeOf(refused)).toBe("port-refused");
  expect(refused.findings.at(-1)).toMatchObject({ state: "skipped" });
});

it.each([
  ["cuts at the ClientHello", "hello-cut", (socket: Socket) => socket.once("data", () => socket.destroy())],
  [
    "speaks plain HTTP",
    "no-tls",
    (socket: Socket) => socket.end("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"),
  ],
  ["sends an alert", "tls-refused", (socket: Socket) => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 40]))],
] as const)("says of what %s: %s", async (_what, cause, answer) => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    answer(socket);
  });
  const port = await listening(server);

  expect(causeOf(await diagnose(`wss://localhost:${port}`))).toBe(cause);
});

it("says of a port that says nothing: tls-silent", async () => {
  const server = createServer((socket) => socket.resume().on("error", () => undefined));
  const port = await listening(server);

  expect(causeOf(await hurriedly(`wss://localhost:${port}`))).toBe("tls-silent");
});

it("says of one that answers a small ClientHello alone that apps get through by that: hello-too-large", async () => {
  const relay = await startRelay();
  const picky = await forwarder(relay.port, { up: (chunk, isFirst) => !isFirst || chunk.length < 1000 });

  const { verdict } = await hurriedly(`wss://localhost:${picky}`, ca());

  expect(verdict).toMatchObject({ works: true, hindrance: "hello-too-large" });
  expect(verdict.sentence).toContain("by a smaller first message of TLS. The first message");
});

it("says of a way on which long answers are lost: large-packets-lost", async () => {
  const relay = await startRelay();
  const lossy = await forwarder(relay.port, { down: (answer) => answer.length < 300 });

  expect(causeOf(await hurriedly(`wss://localhost:${lossy}`, ca()))).toBe("large-packets-lost");
});

it("tells certificates apart: of another name, self-signed, or of another time", async () => {
  const expired = createSelfSigned({ names: ["localhost"], notBefore: new Date("2020-01-01"), lifetimeDays: 9 });
  const old = await tlsServer(undefined, expired);
  const other = await tlsServer(
    undefined,
    makePair("portal", 1, undefined, ["-addext", "subjectAltName=DNS:portal.test"]),
  );
  const own = await tlsServer(undefined, makePair());

  expect(causeOf(await diagnose(other))).toBe("certificate-other-name");
  expect(causeOf(await diagnose(own))).toBe("certificate-self-signed");
  expect(causeOf(await diagnose(old, { tls: { ca: expired.certificate } }))).toBe("certificate-dates");
});

it.each([
  ["a page with 403", 403, "<h1>No</h1>", "page-instead"],
  ["a gateway without a relay", 502, "Bad Gateway", "relay-down"],
  ["a relay whose upgrades are refused with 403", 200, IDENTITY, "upgrade-refused"],
] as const)("says of %s (%i, %s): %s", async (_what, status, body, cause) => {
  const address = await tlsServer((_request, response) => void response.writeHead(status).end(body));

  expect(causeOf(await diagnose(address, ca()))).toBe(cause);
});

it("says why a relay refuses: it wants a token, or another one", async () => {
  const relay = await startRelay({ tls: "off", ...(await tokenOptions()) });

  expect(causeOf(await diagnose(relay.url))).toBe("unauthorized");
  expect(causeOf(await diagnose(relay.url, { token: "none" }))).toBe("unauthorized");
  expect(causeOf(await diagnose(relay.url, { token: await token() }))).toBe("works");
});

it.each([
  [403, "address", "address-refused"],
  [404, "no-such-path", "not-a-relay"],
  [426, "upgrade-stripped", "upgrade-stripped"],
  [429, "address-rate", "rate-limited"],
  [503, "draining", "relay-busy"],
] as const)("takes a relay that answers an upgrade %i, %s, for %s", async (status, word, cause) => {
  const address = await tlsServer(
    (_request, response) => void response.end(IDENTITY),
    undefined,
    (_request, socket) => void socket.end(`HTTP/1.1 ${status} No\r\nX-Refusal: ${word}\r\nContent-Length: 0\r\n\r\n`),
  );

  expect(causeOf(await diagnose(address, ca()))).toBe(cause);
});

it("says of one that takes no connections from this address, which looks like a cut: connection-cut", async () => {
  const relay = await startRelay({ tls: "off", ipDeny: ["127.0.0.0/8"] });

  expect(causeOf(await hurriedly(relay.url))).toBe("connection-cut");
});

it("says of a WebSocket on which nothing comes: frames-swallowed; and of one that is cut: connection-cut", async () => {
  const silent = await swallower(() => undefined);
  const cut = await swallower((socket) => socket.destroy());

  expect(causeOf(await hurriedly(silent, ca()))).toBe("frames-swallowed");
  expect(causeOf(await hurriedly(cut, ca()))).toBe("connection-cut");
});

it.each([
  ["strip", "upgrade-stripped"],
  ["refuse", "upgrade-refused"],
  ["swallow", "frames-swallowed"],
] as const)(
  "says of a proxy that does this to upgrades, %s, that apps get through by the long poll",
  async (how, hindrance) => {
    const relay = await startRelay({ tls: "off" });
    const proxy = await WayProxy.to(relay.port, how);

    const { verdict } = await hurriedly(`ws://localhost:${proxy.port}`);

    expect(verdict).toMatchObject({ works: true, hindrance });
  },
);

it("says of one on which large messages get lost: large-frames-lost", async () => {
  const address = await swallower(() => undefined, { answers: true, maxBytes: 5000 });

  expect(causeOf(await hurriedly(address, ca()))).toBe("large-frames-lost");
});

/** As `diagnose`, with a quarter of its patience: for servers of this machine that say nothing. */
function hurriedly(address: string, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const clock: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 4, task) };
  return diagnoseBy({ clock, platform: process.platform, env: process.env }, address, options);
}

function causeOf({ verdict }: Diagnosis): string {
  return verdict.works ? "works" : verdict.cause;
}

async function listening(server: TcpServer | Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.listen(0);
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** @param onUpgrade left out: it answers 403. @returns its address */
async function tlsServer(
  listener: RequestListener = (_request, response) => void response.writeHead(403).end(),
  { key, certificate } = sharedCertificate() as { readonly key: string; readonly certificate: string },
  onUpgrade: Upgrade = (_request, socket) => void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
): Promise<string> {
  const server = createTlsServer({ key, cert: certificate }, listener);
  server.on("upgrade", onUpgrade);
  return `wss://localhost:${await listening(server)}`;
}

/** Says that it is a relay, agrees to upgrades, and does no more unless it is told. */
function swallower(
  onOpen: (socket: Duplex) => void,
  { answers = false, maxBytes = Number.POSITIVE_INFINITY } = {},
): Promise<string> {
  const sockets = new WebSocketServer({ noServer: true });
  return tlsServer(
    (_request, response) => void response.end(IDENTITY),
    undefined,
    (request, socket, head) =>
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        webSocket.on("message", (data: Buffer) => {
          if (answers && data.length <= maxBytes) webSocket.send(JSON.stringify(answerTo(data)));
        });
        onOpen(socket);
      }),
  );
}

/** To a ping or a join. */
function answerTo(data: Buffer): object {
  const { type, ref, topic, pad } = JSON.parse(data.toString()) as Record<string, unknown>;
  if (type === "ping") return { type: "pong", ref, pad };
  const limits = { maxFrameBytes: 1_000_000, maxTopicsPerConnection: 1 };
  return { type: "joined", topic, ref, peerId: "p", peerHandle: 1, topicHandle: 1, members: [], limits };
}

type Passes = (chunk: Buffer, isFirst: boolean) => boolean;

/** Passes chunks on to a port of this machine, and back, but for those that may not pass. @returns its own port */
function forwarder(
  to: number,
  { up = () => true, down = () => true }: { up?: Passes; down?: Passes },
): Promise<number> {
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const [from, into, mayPass] of [
      [near, far, up],
      [far, near, down],
    ] as const) {
      from.on("error", () => undefined);
      from.on("close", () => into.destroy());
      let isFirst = true;
      from.on("data", (chunk: Buffer) => {
        if (mayPass(chunk, isFirst)) into.write(chunk);
        isFirst = false;
      });
    }
  });
  return listening(server);
}
