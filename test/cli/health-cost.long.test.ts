import { execFileSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { bestOf } from "../support/best-of.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";

/** Forty starts of Node are slow where others use the machine. */
const TIMEOUT_MS = 240_000;

type Env = Readonly<Record<string, string>>;

it(
  "costs at most twice what it costs to start Node, over TLS and without",
  async () => {
    const built = makeFolder();
    execFileSync(process.execPath, ["scripts/build-relay.ts", join(built, "dist")]);
    symlinkSync(resolve("package.json"), join(built, "package.json"));
    const health = `${join(built, "dist/relay/main.js")} health`;
    const [overTls, plain] = [await startRelay(), await startRelay({ tls: "off" })];
    const envs = [{ PORT: String(overTls.port) }, { PORT: String(plain.port), TLS: "off" }];

    for (const env of envs) {
      const ratio = await bestOf(
        async () => (await cpuSeconds(health, env)) / (await cpuSeconds("-e 0")),
        (figure) => figure < 2,
      );
      expect(ratio).toBeLessThan(2);
    }
  },
  TIMEOUT_MS,
);

/** The CPU time, user and system, of ten runs of node, as the shell counts it for its children. */
async function cpuSeconds(args: string, env: Env = {}): Promise<number> {
  const script = `for run in 1 2 3 4 5 6 7 8 9 10; do "$0" ${args} >/dev/null || exit 1; done; times`;
  const runs = new Run(["-c", script, process.execPath], { command: "sh", env: { HOST: "127.0.0.1", ...env } });
  expect(await runs.exitCode()).toBe(0);
  const [, ofChildren = ""] = runs.stdout.split("\n");
  const times = [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)];
  expect(times).toHaveLength(2);
  return times.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}
