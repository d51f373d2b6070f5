import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Corestore from "corestore";
import type Hyperswarm from "hyperswarm";
import { onTestFinished } from "vitest";

/** A store of cores in a folder that goes with the test. */
export async function newStore(): Promise<Corestore> {
  const folder = await mkdtemp(join(tmpdir(), "postern-cores-"));
  const store = new Corestore(folder);
  await store.ready();
  onTestFinished(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  return store;
}

/** Replicates all cores of a store with whomever a swarm is connected. */
export function replicate(store: Corestore, swarm: Hyperswarm): void {
  swarm.on("connection", (connection) => store.replicate(connection));
}
