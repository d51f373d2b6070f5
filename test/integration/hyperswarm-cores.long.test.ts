import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { TestSwarm } from "../support/swarms.ts";
import { WantedCore } from "../support/wanted-core.ts";

const BLOCK_COUNT = 3200;
const DOWN_MS = 2000;

/** A relay in a process of its own. @returns it, and its port */
async function startRelayProcess(port: number): Promise<{ readonly run: Run; readonly port: number }> {
  const env = { TLS: "off", HOST: "127.0.0.1", PORT: `${port}` };
  const run = new Run(["relay/main.ts", "serve"], { env });
  const [, listened = ""] = await run.printed(/ws:\/\/[^\s"]*?:(\d+)/);
  return { run, port: Number(listened) };
}

it("replicates 200 MB, all of it and each block as it was, over a relay that is killed in the middle", async () => {
  const { run, port } = await startRelayProcess(0);
  const at = { url: `ws://localhost:${port}` };
  const [writer, reader] = [new TestSwarm(at), new TestSwarm(at)];
  const core = await WantedCore.between(writer, reader, BLOCK_COUNT);

  const done = core.download(0, BLOCK_COUNT);
  await eventually(() => expect(core.downloadedCount).toBeGreaterThan(BLOCK_COUNT / 4));
  run.signal("SIGKILL");
  const atKill = core.downloadedCount;
  await sleep(DOWN_MS);
  await startRelayProcess(port);
  await done;

  expect(atKill).toBeLessThan(BLOCK_COUNT);
  await core.verify();
  // It is the same connection that went on.
  expect([writer.connections.length, reader.connections.length]).toEqual([1, 1]);
  expect([writer.failures, reader.failures]).toEqual([[], []]);
});
