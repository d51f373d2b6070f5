import { once } from "node:events";
import { connect, type SecureVersion, type TLSSocket } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { CertificateFiles, makePair } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { encodeFrame, Opcode, upgradeRequest } from "../support/raw-socket.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const RECONNECTS = 5;
const JOIN = encodeFrame({ payload: JSON.stringify({ type: "join", topic: "t", peerId: "p" }) });
const PING = encodeFrame({ opcode: Opcode.ping });
/** RFC 6455 section 5.5.3, unmasked and empty. */
const PONG = Buffer.of(0x8a, 0x00);

/** What one connection showed. TLS 1.3 gives tickets after the handshake: a client that never reads never has one. */
type Visit = { readonly isResumed: boolean; readonly tickets: readonly Buffer[] };

/** How a client connects: which version it insists on, and the ticket that it presents. */
type VisitOptions = { readonly version: SecureVersion; readonly ticket?: Buffer | undefined };

/** Connects, joins a topic, waits for the answer to a ping and goes away. */
async function visit(relay: TestRelay, { version, ticket }: VisitOptions): Promise<Visit> {
  const tickets: Buffer[] = [];
  const socket = connect({
    port: relay.port,
    host: "127.0.0.1",
    servername: "localhost",
    ca: relay.certificate,
    minVersion: version,
    maxVersion: version,
    session: ticket,
  });
  onTestFinished(() => {
    socket.destroy();
  });
  socket.on("session", (given: Buffer) => tickets.push(given));
  await once(socket, "secureConnect");
  expect(socket.getProtocol()).toBe(version);
  await join(socket);
  const isResumed = socket.isSessionReused();
  socket.destroy();
  return { isResumed, tickets };
}

async function join(socket: TLSSocket): Promise<void> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(upgradeRequest());
  await eventually(() => expect(Buffer.concat(chunks).toString("latin1")).toMatch(/^HTTP\/1\.1 101 /));
  socket.write(Buffer.concat([JOIN, PING]));
  await eventually(() => expect(Buffer.concat(chunks).includes(PONG)).toBe(true));
}

it.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])(
  "resumes with %s at every reconnect that shows a ticket",
  async (version) => {
    const relay = await startRelay();
    const first = await visit(relay, { version });
    const ticket = first.tickets.at(-1);

    const reconnects: Visit[] = [];
    for (let count = 0; count < RECONNECTS; count += 1) reconnects.push(await visit(relay, { version, ticket }));

    expect(first.isResumed).toBe(false);
    expect(ticket).toBeDefined();
    expect(reconnects.map(({ isResumed }) => isResumed)).toEqual(Array(RECONNECTS).fill(true));
  },
);

it.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])(
  "resumes with %s a connection that began under a certificate that was renewed since",
  async (version) => {
    const clock = new FakeClock();
    clock.jumpEpoch(Date.now() - clock.epochMs());
    const files = new CertificateFiles(makePair("first"));
    const paths = { tlsKeyFile: files.keyFile, tlsCertFile: files.certificateFile };
    const relay = await startRelay({ tls: "files", ...paths }, clock);
    const { tickets } = await visit(relay, { version });

    files.replace(makePair("second"));
    await eventually(() => {
      clock.advance(2500);
      expect(relay.figures().certificate).toMatchObject({ issuer: "second" });
    });

    expect(await visit(relay, { version, ticket: tickets.at(-1) })).toMatchObject({ isResumed: true });
  },
);

it.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])(
  "changes the key of its tickets with %s twice a day: an older one is a whole handshake, the next one is good again",
  async (version) => {
    const clock = new FakeClock();
    const relay = await startRelay({ sweepIntervalMs: 600_000 }, clock);
    const before = await visit(relay, { version });

    clock.advance(43_200_000);
    const after = await visit(relay, { version, ticket: before.tickets.at(-1) });
    const again = await visit(relay, { version, ticket: after.tickets.at(-1) });

    expect([before, after, again].map(({ isResumed }) => isResumed)).toEqual([false, false, true]);
  },
);

it("gives two tickets with TLS 1.3, each good for a connection of its own", async () => {
  const relay = await startRelay();
  const version = "TLSv1.3";
  const { tickets } = await visit(relay, { version });

  const visits = await Promise.all(tickets.map((ticket) => visit(relay, { version, ticket })));

  expect(visits.map(({ isResumed }) => isResumed)).toEqual([true, true]);
});
