import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { postern } from "../../scripts/kill-test/contestants/postern.ts";
import { ServerProcess } from "../../scripts/kill-test/server-process.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";

/** Relays that are processes of their own, so that they can be killed. */
export type RelayProcesses = {
  readonly servers: readonly ServerProcess[];
  /** `wss://`, one for each. */
  readonly urls: readonly string[];
  /** PEM, to trust them all. */
  readonly ca: string;
};

/** Starts so many, with one certificate. They end with the test. */
export async function startRelayProcesses(count: number): Promise<RelayProcesses> {
  const directory = mkdtempSync(join(tmpdir(), "relays-"));
  const { key, certificate } = createSelfSigned({
    names: ["localhost", "127.0.0.1"],
    notBefore: new Date(Date.now() - 3_600_000),
    lifetimeDays: 2,
  });
  const [keyPath, certificatePath] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
  writeFileSync(keyPath, key);
  writeFileSync(certificatePath, certificate);
  const ports: number[] = [];
  for (let index = 0; index < count; index += 1) ports.push(await freePort());
  const servers = ports.map(
    (port) => new ServerProcess(postern.command({ port, keyPath, certificatePath, directory }), port),
  );
  onTestFinished(async () => {
    // SIGKILL ends also one that stands still.
    for (const server of servers) await server.kill();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const server of servers) await server.start();
  return { servers, urls: ports.map((port) => `wss://127.0.0.1:${port}`), ca: certificate };
}
