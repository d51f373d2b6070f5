import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { encodeClassicClientMessage } from "../../protocol/classic-client-messages.ts";
import { type ClassicRelayMessage, decodeClassicRelayMessage } from "../../protocol/classic-relay-messages.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";

/** The shortest wait for a silent connection that tests give a proxy, in place of the minutes of its file. */
export const PROXY_TIMEOUT_MS = 2000;

/** What a proxy's file is changed to for a test. Each text has to be in the file. */
export type Replacements = Readonly<Record<string, string>>;

/** A proxy that runs, with TLS on a port of loopback. */
export type Proxy = { readonly port: number; readonly ca: string };

/** What a proxy is started with: its certificate, its port, and the port of what it stands before. */
type ProxyParts = {
  readonly folder: string;
  readonly port: number;
  readonly upstreamPort: number;
  readonly certFile: string;
  readonly keyFile: string;
};

/** How one kind of proxy is run from its file in infra/proxy/. Returns the command; the files it needs are written. */
export type ProxyKind = (parts: ProxyParts) => readonly [command: string, ...args: string[]];

/** Starts a proxy before a port, and stops it with the test. Resolves when it takes connections. */
export async function startProxy(kind: ProxyKind, upstreamPort: number): Promise<Proxy> {
  const folder = mkdtempSync(join(tmpdir(), "postern-proxy-"));
  const { key, certificate } = sharedCertificate();
  const [certFile, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certFile, certificate);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const port = await freePort();
  const [command, ...args] = kind({ folder, port, upstreamPort, certFile, keyFile });
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const proxy = { port, ca: certificate };
  const run = new Run(args, { command, env: { HOME: folder } });
  await eventually(async () => {
    await get(proxy, "/").catch((error: unknown) => {
      throw new Error(`${command} does not answer: ${String(error)}\n${run.stdout}\n${run.stderr}`);
    });
  });
  return proxy;
}

/** The text of a file with these parts of it changed. Throws where a part is not there. */
export function adapted(path: string, replacements: Replacements): string {
  return Object.entries(replacements).reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${path} does not hold "${from}"`);
      return text.replaceAll(from, to);
    },
    readFileSync(path, "utf8"),
  );
}

/** Opens a WebSocket through a proxy. It closes with the test. */
export async function dial({ port, ca }: Proxy): Promise<WebSocket> {
  const socket = new WebSocket(`wss://localhost:${port}/`, { ca });
  onTestFinished(() => socket.terminate());
  await once(socket, "open");
  return socket;
}

/** Joins a topic as a classic client does. */
export function joinTopic(socket: WebSocket, topic: string): void {
  socket.send(encodeClassicClientMessage({ type: "join", topic }));
}

/** The next message of a type. */
export async function message<Type extends ClassicRelayMessage["type"]>(
  socket: WebSocket,
  type: Type,
): Promise<Extract<ClassicRelayMessage, { readonly type: Type }>> {
  for (;;) {
    const [data] = (await once(socket, "message")) as [Buffer];
    const received = decodeClassicRelayMessage(data.toString());
    if (received.type === type) return received as Extract<ClassicRelayMessage, { readonly type: Type }>;
  }
}

/** Asks by HTTP, through a proxy. */
export function get(
  { port, ca }: Proxy,
  path: string,
  options: { readonly localAddress?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "localhost", port, path, ca, agent: false, family: 4, ...options }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    asked.on("error", reject).end();
  });
}

/** A server in the relay's place that keeps the headers it gets. */
export async function recordHeaders(): Promise<{ readonly port: number; readonly headers: IncomingHttpHeaders[] }> {
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((incoming, response) => {
    headers.push(incoming.headers);
    response.end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, headers };
}
