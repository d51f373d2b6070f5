import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { freePort } from "../loopback/free-port.ts";
import type { KillTestContestant } from "./contestant.ts";
import { CutProxy } from "./cut-proxy.ts";
import { ServerProcess } from "./server-process.ts";

/** A contestant's server that runs, the proxy before it, and the certificate that members are to trust, as PEM. */
export type Stage = {
  readonly server: ServerProcess;
  readonly proxy: CutProxy;
  readonly ca: string;
};

/** What may differ from stage to stage. */
export type StageOptions = {
  /** Milliseconds from a member to the server, and as many back; 0 where it is left out. */
  readonly delayMs?: number;
};

/** Starts a server with a new certificate, and a proxy for so many members; ends both when the play is over, however it ends. */
export async function onStage<Result>(
  contestant: KillTestContestant,
  memberCount: number,
  play: (stage: Stage) => Promise<Result>,
  { delayMs = 0 }: StageOptions = {},
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "kill-test-"));
  const { key, certificate } = createSelfSigned({
    names: ["localhost", "127.0.0.1"],
    notBefore: new Date(Date.now() - 3_600_000),
    lifetimeDays: 2,
  });
  const [keyPath, certificatePath] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
  writeFileSync(keyPath, key);
  writeFileSync(certificatePath, certificate);
  const port = await freePort();
  const server = new ServerProcess(contestant.command({ port, keyPath, certificatePath, directory }), port);
  const proxy = await CutProxy.listen(port, memberCount, delayMs);
  try {
    await server.start();
    return await play({ server, proxy, ca: certificate });
  } finally {
    await proxy.close();
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}
