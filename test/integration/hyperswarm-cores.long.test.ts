import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { newStore, replicate } from "../support/cores.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { TestSwarm } from "../support/swarms.ts";

const BLOCK_BYTES = 64 * 1024;
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
  const [written, read] = [await newStore(), await newStore()];
  replicate(written, writer.swarm);
  replicate(read, reader.swarm);
  const core = written.get({ name: "core" });
  await core.ready();
  const blocks = Array.from({ length: 100 }, () => randomBytes(BLOCK_BYTES));
  for (let count = 0; count < BLOCK_COUNT; count += blocks.length) await core.append(blocks);
  writer.swarm.join(core.discoveryKey, { client: false, server: true });
  reader.swarm.join(core.discoveryKey, { client: true, server: false });
  const copy = read.get({ key: core.key });
  await copy.ready();
  await eventually(async () => {
    await copy.update();
    expect(copy.length).toBe(BLOCK_COUNT);
  });
  let downloaded = 0;
  copy.on("download", () => (downloaded += 1));

  const done = copy.download({ start: 0, end: BLOCK_COUNT }).done();
  await eventually(() => expect(downloaded).toBeGreaterThan(BLOCK_COUNT / 4));
  run.signal("SIGKILL");
  const atKill = downloaded;
  await sleep(DOWN_MS);
  await startRelayProcess(port);
  await done;

  expect(atKill).toBeLessThan(BLOCK_COUNT);
  expect(downloaded).toBe(BLOCK_COUNT);
  for (let index = 0; index < BLOCK_COUNT; index += 1) {
    expect(blocks[index % blocks.length]?.equals(await copy.get(index))).toBe(true);
  }
  // It is the same connection that went on.
  expect([writer.connections.length, reader.connections.length]).toEqual([1, 1]);
  expect([writer.failures, reader.failures]).toEqual([[], []]);
});
