import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { connect } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { listen } from "../../relay/http/listener.ts";
import { RelayError } from "../../relay/relay-error.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";

const LISTENING = /"port":(\d+),"fingerprint":"([0-9A-F:]+)"/;
/** The chance that the kernel gives none of so many connections to one of two processes is 2 to the power of -99. */
const ENOUGH_CONNECTIONS = 100;

it("shares a port between two processes, and both get connections", async () => {
  const first = await startSharing(0);
  const second = await startSharing(first.port);

  const seen = await fingerprintsSeen(first.port);

  expect(second.port).toBe(first.port);
  expect(seen).toEqual(new Set([first.fingerprint, second.fingerprint]));
});

it("leaves all new connections to the other process when one has stopped", async () => {
  const first = await startSharing(0);
  const second = await startSharing(first.port);

  first.run.signal("SIGTERM");
  expect(await first.run.exitCode()).toBe(0);

  expect(await fingerprintsSeen(first.port)).toEqual(new Set([second.fingerprint]));
});

it("leaves new connections to the other process once it drains, for as long as it has a client", async () => {
  const first = await startSharing(0, { DRAIN_TIMEOUT_MS: "600000" });
  const stuck = new WebSocket(`wss://127.0.0.1:${first.port}`, { rejectUnauthorized: false });
  onTestFinished(() => stuck.terminate());
  await once(stuck, "open");
  stuck.pause();
  const second = await startSharing(first.port);

  first.run.signal("SIGTERM");
  await first.run.printed(/"draining"/);

  await eventually(async () => {
    expect(await fingerprintsSeen(first.port)).toEqual(new Set([second.fingerprint]));
  });
  expect(stuck.readyState).toBe(WebSocket.OPEN);
});

it("says that the port is in use when only one of two processes shares it", async () => {
  const first = await startSharing(0);
  const second = new Run(["relay/main.ts"], { env: { PORT: `${first.port}`, HOST: "127.0.0.1" } });

  expect(await second.exitCode()).toBe(1);
  expect(second.stderr).toContain(`Port ${first.port} on 127.0.0.1 is in use`);
});

it("says that the port is in use when the other process does not share it", async () => {
  const owner = createTcpServer().listen(0, "127.0.0.1");
  onTestFinished(() => void owner.close());
  await once(owner, "listening");
  const address = owner.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;

  const listening = listen(createServer(), { host: "127.0.0.1", port, isPortChosen: true, reusePort: true });

  await expect(listening).rejects.toMatchObject({ code: "PORT_IN_USE" });
});

it("names the option where the system cannot share a port", async () => {
  const server = createServer();
  // What Node says on macOS and Windows; no system that these tests run on does.
  server.listen = () => {
    process.nextTick(() => server.emit("error", Object.assign(new Error("listen ENOTSUP"), { code: "ENOTSUP" })));
    return server;
  };

  const listening = listen(server, { host: "127.0.0.1", port: 0, isPortChosen: true, reusePort: true });

  await expect(listening).rejects.toBeInstanceOf(RelayError);
  await expect(listening).rejects.toMatchObject({
    code: "LISTEN_FAILED",
    message: expect.stringContaining("REUSE_PORT or --reuse-port") as string,
  });
});

type Sharing = { readonly run: Run; readonly port: number; readonly fingerprint: string };

/** Starts a relay in a process of its own. Each makes its own certificate, which tells them apart. */
async function startSharing(port: number, more: Readonly<Record<string, string>> = {}): Promise<Sharing> {
  const env = { PORT: `${port}`, HOST: "127.0.0.1", REUSE_PORT: "true", DRAIN_TIMEOUT_MS: "0", ...more };
  const run = new Run(["relay/main.ts"], { env });
  const [, actualPort, fingerprint = ""] = await run.printed(LISTENING);
  return { run, port: Number(actualPort), fingerprint };
}

/** Whose certificates are shown to connections made one after the other. */
async function fingerprintsSeen(port: number): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  await eventually(async () => expect(await fingerprintSeen(port)).toBeDefined());
  for (let count = 0; count < ENOUGH_CONNECTIONS; count += 1) seen.add(await fingerprintSeen(port));
  return seen;
}

async function fingerprintSeen(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}
