import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, connect, type SecureVersion } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { createListener } from "../../relay/http/listener.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import { makePair } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";

const NAME = "relay.example";
const served = makePair("served");
const challenge = makePair("challenge");

it.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])(
  "shows the challenge to an authority with %s alone, and the served certificate to everybody else meanwhile",
  async (version) => {
    const { port, challenges } = await openListener();
    challenges.add(NAME, challenge);

    const authority = await visit(port, { version, protocols: ["acme-tls/1"] });
    const client = await visit(port, { version, protocols: ["http/1.1"] });
    const plain = await visit(port, { version });

    expect(authority).toEqual({ alpn: "acme-tls/1", fingerprint: fingerprintOf(challenge.certificate) });
    expect(client).toEqual({ alpn: "http/1.1", fingerprint: fingerprintOf(served.certificate) });
    expect(plain).toEqual({ alpn: false, fingerprint: fingerprintOf(served.certificate) });
  },
);

it.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])(
  "ends an authority's connection after the handshake with %s, and HTTP does not hear of it",
  async (version) => {
    const { server, port, challenges } = await openListener();
    challenges.add(NAME, challenge);
    const heard: string[] = [];
    for (const event of ["request", "upgrade", "clientError"]) server.on(event, () => heard.push(event));

    const socket = connect(options(port, { version, protocols: ["acme-tls/1"] }));
    socket.on("error", () => undefined);
    await once(socket, "secureConnect");
    // An authority that has not read the rules.
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "close");

    await eventually(async () => expect(await connectionCount(server)).toBe(0));
    expect(heard).toEqual([]);
  },
);

it("refuses an authority for a name that is not waited for, and for all names once the challenge is over", async () => {
  const { port, challenges } = await openListener();
  challenges.add(NAME, challenge);

  const other = visit(port, { version: "TLSv1.3", protocols: ["acme-tls/1"], servername: "other.example" });
  await expect(other).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" });
  challenges.remove(NAME);
  const late = visit(port, { version: "TLSv1.3", protocols: ["acme-tls/1"] });

  await expect(late).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL" });
});

type Visit = { readonly version: SecureVersion; readonly protocols?: readonly string[]; readonly servername?: string };

async function openListener() {
  const challenges = new AlpnChallenges();
  const material = { ...served, expiresAtMs: Number.POSITIVE_INFINITY };
  const limits = { maxConnections: 10, maxHttpConnections: 10, handshakeTimeoutMs: 5000, keepAliveTimeoutMs: 5000 };
  const { server } = createListener({ tls: { material, challenges }, ...limits });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { server, challenges, port: (server.address() as AddressInfo).port };
}

function options(port: number, { version, protocols = [], servername = NAME }: Visit): ConnectionOptions {
  return {
    host: "127.0.0.1",
    port,
    servername,
    ALPNProtocols: [...protocols],
    minVersion: version,
    maxVersion: version,
    rejectUnauthorized: false,
  };
}

async function visit(port: number, how: Visit) {
  const socket = connect(options(port, how));
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  const seen = { alpn: socket.alpnProtocol, fingerprint: socket.getPeerCertificate().fingerprint256 };
  socket.destroy();
  return seen;
}

function connectionCount(server: { getConnections(done: (error: Error | null, count: number) => void): void }) {
  return new Promise<number>((resolve) => {
    server.getConnections((_, count) => resolve(count));
  });
}

function fingerprintOf(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256;
}
