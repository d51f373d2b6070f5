import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { Founder, memberOf } from "../support/mesh.ts";
import { Run } from "../support/process.ts";

/** Agents, and meshes, that are being registered at one time. */
const AGENTS_AT_ONCE = 6;
const MESHES_AT_ONCE = 2;
/** A relay is killed within this time after its first registration: often enough in the middle of a write. */
const MAX_LIFE_MS = 300;

/** What was acknowledged: a line of a table begins so, by what it is about. */
type Acknowledged = {
  readonly agents: Map<string, string>;
  readonly meshes: Map<string, string>;
  readonly nonces: Map<string, string>;
};

/** What came of all kills. `lost`: what was acknowledged and is not kept. `doubled`: names that were given out, or are kept, twice. */
export type KillReport = {
  readonly kills: number;
  readonly acknowledged: { readonly agents: number; readonly meshes: number; readonly nonces: number };
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
};

/** Kills a relay again and again while agents, founders and members register, and looks in the end what of it is kept. */
export async function killDuringRegistrations(killCount: number): Promise<KillReport> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "postern-kills-"));
  onTestFinished(() => rm(stateDirectory, { recursive: true, force: true }));
  const port = await freePort();
  const told: Acknowledged = { agents: new Map(), meshes: new Map(), nonces: new Map() };
  const doubled: string[] = [];
  for (let kill = 0; kill < killCount; kill += 1) {
    const run = startRelay(port, stateDirectory);
    await run.printed(/"msg":"listening"/);
    const timer = setTimeout(() => run.signal("SIGKILL"), Math.random() * MAX_LIFE_MS);
    await Promise.all([
      ...Array.from({ length: AGENTS_AT_ONCE }, (_, lane) => registerAgents(port, `k${kill}-${lane}`, told, doubled)),
      ...Array.from({ length: MESHES_AT_ONCE }, () => registerMeshes(port, told)),
    ]);
    clearTimeout(timer);
    run.signal("SIGKILL");
    await run.exitCode();
  }
  // The last relay still begins with what is there.
  await startRelay(port, stateDirectory).printed(/"msg":"listening"/);
  const lost: string[] = [];
  for (const table of ["agents", "meshes", "nonces"] as const) {
    const kept = await linesIn(join(stateDirectory, `accounts/${table}.jsonl`), doubled);
    for (const start of told[table].values()) if (!kept.get(keyOf(start))?.startsWith(start)) lost.push(start);
  }
  const { agents, meshes, nonces } = told;
  return {
    kills: killCount,
    acknowledged: { agents: agents.size, meshes: meshes.size, nonces: nonces.size },
    lost,
    doubled,
  };
}

/** The lines of a table by what they are about. What has two goes into `doubled`. */
async function linesIn(path: string, doubled: string[]): Promise<ReadonlyMap<string, string>> {
  const lines = new Map<string, string>();
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    if (lines.has(keyOf(line))) doubled.push(line);
    lines.set(keyOf(line), line);
  }
  return lines;
}

/** What a line is about: ids and hashes have no commas. */
function keyOf(line: string): string {
  return line.slice(0, line.indexOf(","));
}

function startRelay(port: number, stateDirectory: string): Run {
  const env = {
    PORT: String(port),
    HOST: "127.0.0.1",
    TLS: "off",
    DIALECTS: "agent,mesh",
    STATE_DIRECTORY: stateDirectory,
    AGENT_REGISTRATIONS_PER_HOUR: "0",
    MESH_REGISTRATIONS_PER_HOUR: "0",
    MAX_AGENTS: "1000000",
    MAX_MESHES: "100000",
  };
  return new Run(["relay/main.ts", "serve"], { env });
}

/** One name after the other, until the relay is gone. */
async function registerAgents(port: number, lane: string, { agents }: Acknowledged, doubled: string[]): Promise<void> {
  for (let index = 0; ; index += 1) {
    const id = `${lane}-${index}`;
    const token = await registerAgent(port, id);
    if (token === undefined) return;
    if (agents.has(id)) doubled.push(id);
    // The hash of the token that was told, under the name it was told for.
    agents.set(id, `["${id}",{"tokenHash":"${sha256(token)}"`);
  }
}

/** Undefined: the relay is gone. */
async function registerAgent(port: number, id: string): Promise<string | undefined> {
  try {
    const body = JSON.stringify({ agent_id: id });
    const answer = await fetch(`http://127.0.0.1:${port}/register`, { method: "POST", body });
    const { token = "" } = (await answer.json()) as { token?: string };
    expect(answer.status).toBe(200);
    return token;
  } catch (error) {
    if (error instanceof Error && error.name === "AssertionError") throw error;
    return undefined;
  }
}

/** A mesh after the other, each with a member that uses a token, until the relay is gone. */
async function registerMeshes(port: number, { meshes, nonces }: Acknowledged): Promise<void> {
  for (;;) {
    const founder = new Founder();
    const { meshId } = founder;
    if (!(await isAcknowledged(port, meshId, founder.registration(), "mesh_registered"))) return;
    meshes.set(meshId, `["${meshId}",{"name":"home","founderId":"${founder.node.id}"`);
    const token = founder.token();
    if (!(await isAcknowledged(port, meshId, JSON.stringify(memberOf("phone", token)), "joined"))) return;
    nonces.set(meshId, `["${sha256(String(token["nonce"])).slice(0, 32)} ${meshId}",{"nodeId":"phone"`);
  }
}

/** Says the first message of a node, and waits for the answer. */
async function isAcknowledged(port: number, meshId: string, first: string, type: string): Promise<boolean> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/mesh/relay/${meshId}`);
  socket.on("error", () => undefined);
  socket.on("open", () => socket.send(first));
  const event = await new Promise<unknown>((resolve) => {
    socket.once("message", resolve);
    socket.once("close", () => resolve(undefined));
  });
  socket.terminate();
  if (!(event instanceof Buffer)) return false;
  const answer = JSON.parse(event.toString()) as { readonly type: string };
  expect(answer).toMatchObject({ type });
  return true;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
