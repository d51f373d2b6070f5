import { expect, it } from "vitest";
import { TestSwarm } from "../support/swarms.ts";
import { type Behind, changingWay, transferOverChanges } from "../support/transport-changes.ts";
import { WantedCore } from "../support/wanted-core.ts";

const STREAM_BYTES = 20_000_000;
/** Of 64 KiB: before the change, and on polls. */
const PART_BLOCKS = 50;
/** Those behind are for the wait for the way back, one each 200 ms, and for what comes after it. */
const BLOCK_COUNT = 600;

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
  const core = await WantedCore.between(writer, reader, BLOCK_COUNT);
  const { proxy } = way;

  await core.download(0, PART_BLOCKS);
  const pollsBefore = proxy.counts.polls;
  way.forbid();
  await core.download(PART_BLOCKS, 2 * PART_BLOCKS);
  const [pollsMeanwhile, tunnelsMeanwhile] = [proxy.counts.polls, proxy.tunnelCount];
  way.allow();
  const next = await core.downloadUntil(2 * PART_BLOCKS, BLOCK_COUNT - PART_BLOCKS, () => proxy.tunnelCount > 0);
  await core.download(next, BLOCK_COUNT);
  await core.verify();

  expect([pollsBefore, tunnelsMeanwhile]).toEqual([0, 0]);
  expect(pollsMeanwhile).toBeGreaterThan(0);
  expect(proxy.tunnelCount).toBe(1);
  // It is the same connection that went on.
  expect([writer.connections.length, reader.connections.length]).toEqual([1, 1]);
  expect([writer.failures, reader.failures]).toEqual([[], []]);
});
