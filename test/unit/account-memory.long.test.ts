import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, onTestFinished } from "vitest";
import { NodeCryptography } from "../../relay/auth/cryptography.ts";
import { AgentNetwork } from "../../relay/dialects/agent/agent-network.ts";
import { AgentRegistry } from "../../relay/dialects/agent/agent-registry.ts";
import { MeshRegistry } from "../../relay/dialects/mesh/mesh-registry.ts";
import { DirectoryState } from "../../relay/state/directory-state.ts";
import { StateTable } from "../../relay/state/state-table.ts";

const COUNT = 10_000;
const NOW_MS = 1_795_199_191_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is in use, without what nobody needs any more. */
function usedBytes(): number {
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A directory with a table of these records. */
async function directoryWith(table: string, records: readonly (readonly [string, object])[]): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "postern-memory-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const store = new DirectoryState(path);
  await store.load(table);
  await store.save(table, new Map(records.map(([key, record]) => [key, JSON.stringify(record)])));
  return path;
}

/** The longest name there may be, different for each. */
function longName(index: number, length: number): string {
  return `${index}`.padStart(length, "a");
}

it("takes at most 1 KiB for an agent: 10,000 of them take less than 10 MB", async () => {
  const tables: StateTable<never>[] = [];
  const path = await directoryWith(
    "agents",
    Array.from({ length: COUNT }, (_, index) => {
      const record = {
        tokenHash: randomBytes(32).toString("hex"),
        registeredAtMs: NOW_MS + index,
        expiresAtMs: NOW_MS * 2,
      };
      return [longName(index, 64), record];
    }),
  );
  const before = usedBytes();
  const store = new DirectoryState(path);
  const registry = new AgentRegistry(
    {
      createTable: (options, codec) => {
        const table = new StateTable(store, options, codec);
        tables.push(table as StateTable<never>);
        return table;
      },
      cryptography: new NodeCryptography(),
      nowMs: () => NOW_MS,
      onEnded: () => undefined,
      connectionCountOf: () => 0,
    },
    { maxAgents: COUNT, agentTokenDays: 1 },
  );
  await tables[0]?.load();
  // What is looked up in is made at the first look.
  expect(registry.agentOf("nobody's")).toBeUndefined();

  const bytesEach = (usedBytes() - before) / COUNT;

  expect(registry.count).toBe(COUNT);
  expect(bytesEach).toBeGreaterThan(100);
  expect(bytesEach).toBeLessThan(1000);
});

it("takes at most 1 KiB for a used token of a mesh", async () => {
  const path = await directoryWith(
    "nonces",
    Array.from({ length: COUNT }, (_, index) => {
      const record = { nodeId: longName(index, 128), expiresAtMs: NOW_MS + index };
      return [`${randomBytes(16).toString("hex")} ${longName(index, 128)}`, record];
    }),
  );
  const before = usedBytes();
  const store = new DirectoryState(path);
  const loads: Promise<void>[] = [];
  const registry = new MeshRegistry(
    {
      createTable: (options, codec) => {
        const table = new StateTable(store, options, codec);
        loads.push(table.load());
        return table;
      },
      cryptography: new NodeCryptography(),
      nowMs: () => NOW_MS,
      monotonicMs: () => 0,
      onRevoked: () => undefined,
      connectionCountOf: () => 0,
    },
    { maxMeshes: 1 },
  );
  await Promise.all(loads);
  await registry.useNonce("m", "n", { nodeId: "a", expiresAtMs: NOW_MS });

  const bytesEach = (usedBytes() - before) / COUNT;

  expect(registry.count).toBe(0);
  expect(bytesEach).toBeGreaterThan(100);
  expect(bytesEach).toBeLessThan(1024);
});

it("takes at most 320 bytes for a subscription: as many as there may be fit into 16 MiB", () => {
  const before = usedBytes();
  const network = new AgentNetwork({ agentRatePerMinute: 0, agentRatePerHour: 0 });
  for (let agent = 0; agent < 195; agent += 1)
    network.subscribe(
      `agent-${agent}`,
      Array.from({ length: 256 }, (_, index) => longName(agent * 1000 + index, 64)),
    );

  const bytesEach = (usedBytes() - before) / network.subscriptionCount;

  expect(network.subscriptionCount).toBe(195 * 256);
  expect(bytesEach).toBeGreaterThan(50);
  expect(bytesEach).toBeLessThan(320);
});
