import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { Run } from "../support/process.ts";

/** Registrations that are on their way at one time. */
const AT_ONCE = 8;
/** A relay is killed within this time after its first registration: often enough in the middle of a write. */
const MAX_LIFE_MS = 300;

type Acknowledged = Map<string, string>;

/** What came of all kills: names are by what they were told. */
export type KillReport = {
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
};

/**
 * Kills a relay again and again while agents register, and looks each time what the next one knows of those who were told
 * that they are registered.
 */
export async function killDuringRegistrations(killCount: number): Promise<KillReport> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "postern-kills-"));
  onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
  const port = await freePort();
  const acknowledged: Acknowledged = new Map();
  const doubled: string[] = [];
  for (let kill = 0; kill < killCount; kill += 1) {
    const run = startRelay(port, stateDirectory);
    await run.printed(/"msg":"listening"/);
    const timer = setTimeout(() => run.signal("SIGKILL"), Math.random() * MAX_LIFE_MS);
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, lane) =>
        registerUntilKilled(port, `k${kill}-${lane}`, acknowledged, doubled),
      ),
    );
    clearTimeout(timer);
    run.signal("SIGKILL");
    await run.exitCode();
  }
  // What a later relay would go by: the hash of the token that was told, under the name it was told for.
  const kept = await readFile(join(stateDirectory, "accounts/agents.jsonl"), "utf8");
  const lost = [...acknowledged].filter(([id, token]) => !kept.includes(`["${id}",{"tokenHash":"${sha256(token)}"`));
  return { kills: killCount, acknowledged: acknowledged.size, lost: lost.map(([id]) => id), doubled };
}

function startRelay(port: number, stateDirectory: string): Run {
  const env = {
    PORT: String(port),
    HOST: "127.0.0.1",
    TLS: "off",
    DIALECTS: "agent",
    STATE_DIRECTORY: stateDirectory,
    AGENT_REGISTRATIONS_PER_HOUR: "0",
    MAX_AGENTS: "1000000",
  };
  return new Run(["relay/main.ts", "serve"], { env });
}

/** One name after the other, and each again until it is acknowledged or the relay is gone. */
async function registerUntilKilled(
  port: number,
  lane: string,
  acknowledged: Acknowledged,
  doubled: string[],
): Promise<void> {
  for (let index = 0; ; index += 1) {
    const id = `${lane}-${index}`;
    const answer = await register(port, id);
    if (answer === undefined) return;
    expect(answer.status).toBe(200);
    if (acknowledged.has(id)) doubled.push(id);
    acknowledged.set(id, answer.token);
  }
}

async function register(
  port: number,
  id: string,
): Promise<{ readonly status: number; readonly token: string } | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/register`, {
      method: "POST",
      body: JSON.stringify({ agent_id: id }),
    });
    const { token = "" } = (await answer.json()) as { token?: string };
    return { status: answer.status, token };
  } catch {
    return undefined;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
