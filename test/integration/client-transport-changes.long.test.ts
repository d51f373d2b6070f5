import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { newStore, replicate } from "../support/cores.ts";
import { eventually } from "../support/eventually.ts";
import { TestSwarm } from "../support/swarms.ts";
import { type Behind, changingWay, transferOverChanges } from "../support/transport-changes.ts";

const STREAM_BYTES = 20_000_000;
const BLOCK_BYTES = 64 * 1024;
/** Before the change, on polls at least, and after. */
const PART_BLOCKS = 50;
/** As many as there are: while the way back is awaited, one each 50 ms at most. */
const MAX_BLOCKS = 600;

it.each<Behind>(["sender", "receiver"])(
  "brings 20 MB byte for byte while the %s goes from a WebSocket to polls and back",
  async (behind) => {
    const { receivedBytes, sentHash, receivedHash, byTransport } = await transferOverChanges(STREAM_BYTES, behind);

    expect([receivedBytes, receivedHash]).toEqual([STREAM_BYTES, sentHash]);
    // It was under way on each of them.
    const transports = byTransport.map(([transport]) => transport).filter((transport) => transport !== undefined);
    expect(transports.filter((transport, index) => transport !== transports[index - 1])).toEqual([
      "websocket",
      "polling",
      "websocket",
    ]);
  },
);

it("replicates a core, each block as it was, while its reader goes from a WebSocket to polls and back", async () => {
  const way = await changingWay();
  const [writer, reader] = [new TestSwarm({ url: way.directUrl }), new TestSwarm({ url: way.proxy.url })];
  const [written, read] = [await newStore(), await newStore()];
  replicate(written, writer.swarm);
  replicate(read, reader.swarm);
  const core = written.get({ name: "core" });
  await core.ready();
  const blocks = Array.from({ length: 50 }, () => randomBytes(BLOCK_BYTES));
  for (let count = 0; count < MAX_BLOCKS; count += blocks.length) await core.append(blocks);
  writer.swarm.join(core.discoveryKey, { client: false, server: true });
  reader.swarm.join(core.discoveryKey, { client: true, server: false });
  const copy = read.get({ key: core.key });
  await copy.ready();
  await eventually(async () => {
    await copy.update();
    expect(copy.length).toBe(MAX_BLOCKS);
  });
  let count = 0;
  const next = async (blockCount: number): Promise<void> => {
    for (const end = count + blockCount; count < end; count += 1) {
      const block = await copy.get(count);
      expect(blocks[count % blocks.length]?.equals(block)).toBe(true);
    }
  };
  const { proxy } = way;

  await next(PART_BLOCKS);
  const pollsBefore = proxy.counts.polls;
  way.forbid();
  await next(PART_BLOCKS);
  const [pollsMeanwhile, tunnelsMeanwhile] = [proxy.counts.polls, proxy.tunnelCount];
  way.allow();
  for (let left = MAX_BLOCKS - 3 * PART_BLOCKS; left > 0 && proxy.tunnelCount === 0; left -= 1) {
    await next(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await next(PART_BLOCKS);

  expect([pollsBefore, tunnelsMeanwhile]).toEqual([0, 0]);
  expect(pollsMeanwhile).toBeGreaterThan(0);
  expect(proxy.tunnelCount).toBe(1);
  // It is the same connection that went on.
  expect([writer.connections.length, reader.connections.length]).toEqual([1, 1]);
  expect([writer.failures, reader.failures]).toEqual([[], []]);
});
