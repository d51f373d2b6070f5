import { expect, it } from "vitest";
import { NodeCryptography } from "../../relay/auth/cryptography.ts";
import { MeshRegistry } from "../../relay/dialects/mesh/mesh-registry.ts";
import { MemoryState } from "../../relay/state/memory-state.ts";
import { StateTable } from "../../relay/state/state-table.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A registry whose times a test sets. */
function scene(): { readonly registry: MeshRegistry; readonly time: { nowMs: number; monotonicMs: number } } {
  const time = { nowMs: 1000 * DAY_MS, monotonicMs: 0 };
  const store = new MemoryState();
  const registry = new MeshRegistry(
    {
      createTable: (options, codec) => new StateTable(store, options, codec),
      cryptography: new NodeCryptography(),
      nowMs: () => time.nowMs,
      monotonicMs: () => time.monotonicMs,
      onRevoked: () => undefined,
      connectionCountOf: () => 0,
    },
    { maxMeshes: 10 },
  );
  return { registry, time };
}

it("[MESH-23] forgets a used token when it has been too old for an hour of the relay's own time, and not before", async () => {
  const { registry, time } = scene();
  await registry.useNonce("m", "n", { nodeId: "a", expiresAtMs: time.nowMs + DAY_MS });

  time.nowMs += 2 * DAY_MS;
  await registry.clear();
  time.monotonicMs += HOUR_MS - 1;
  await registry.clear();
  expect(registry.nodeOfNonce("m", "n")).toBe("a");

  time.monotonicMs += 1;
  await registry.clear();
  expect(registry.nodeOfNonce("m", "n")).toBeUndefined();
});

it("[MESH-23] keeps a used token over a calendar that was wrong for a while, however often", async () => {
  const { registry, time } = scene();
  await registry.useNonce("m", "n", { nodeId: "a", expiresAtMs: time.nowMs + DAY_MS });

  for (let turn = 0; turn < 3; turn += 1) {
    time.nowMs += 400 * DAY_MS;
    await registry.clear();
    time.monotonicMs += HOUR_MS / 2;
    await registry.clear();
    time.nowMs -= 400 * DAY_MS;
    await registry.clear();
    time.monotonicMs += HOUR_MS / 2;
  }

  expect(registry.nodeOfNonce("m", "n")).toBe("a");
});

it("[MESH-22] keeps so many used tokens of one mesh, and no more, until they are forgotten", async () => {
  const { registry, time } = scene();
  const use = { nodeId: "a", expiresAtMs: time.nowMs + DAY_MS };
  const outcomes = await Promise.all(
    Array.from({ length: 4096 }, (_, index) => registry.useNonce("m", `n${index}`, use)),
  );

  expect(new Set(outcomes)).toEqual(new Set(["kept"]));
  expect([await registry.useNonce("m", "one more", use), await registry.useNonce("other", "n0", use)]).toEqual([
    "full",
    "kept",
  ]);

  time.nowMs += 2 * DAY_MS;
  await registry.clear();
  time.monotonicMs += HOUR_MS;
  await registry.clear();
  expect(await registry.useNonce("m", "one more", use)).toBe("kept");
});

it("keeps tokens of meshes apart, whatever their names are", async () => {
  const { registry, time } = scene();
  const use = { nodeId: "a", expiresAtMs: time.nowMs + DAY_MS };

  await registry.useNonce("m n", "x", use);

  expect([registry.nodeOfNonce("m n", "x"), registry.nodeOfNonce("m", "x"), registry.nodeOfNonce("m", "n x")]).toEqual([
    "a",
    undefined,
    undefined,
  ]);
});
