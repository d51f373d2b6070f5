import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { TestSwarm } from "../support/swarms.ts";
import { laterNode, TestDHT } from "../support/testnet.ts";
import { WantedCore } from "../support/wanted-core.ts";

const BLOCK_COUNT = 3200;

/** How the present connections of a swarm go. */
function pathsOf({ swarm }: TestSwarm): readonly unknown[] {
  return [...swarm.connections].map(({ relayPath }) => relayPath);
}

it("replicates 200 MB over direct connections alone, each block as it was", async () => {
  const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
  const [writer, reader] = [0, 1].map(() => new TestSwarm(relay, { dht: dht.node(), direct: "only" }));
  if (writer === undefined || reader === undefined) throw new Error("there are two");
  const core = await WantedCore.between(writer, reader, BLOCK_COUNT);

  await core.download(0, BLOCK_COUNT);

  await core.verify();
  expect([...writer.connections, ...reader.connections].map(({ relayPath }) => relayPath)).toEqual([
    "direct",
    "direct",
  ]);
});

it("replicates 200 MB that begin over the relay and end directly, each block as it was", async () => {
  const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
  const [writers, readers] = [laterNode(dht), laterNode(dht)];
  const [writer, reader] = [new TestSwarm(relay, { dht: writers.node }), new TestSwarm(relay, { dht: readers.node })];
  const core = await WantedCore.between(writer, reader, BLOCK_COUNT);

  await core.download(0, BLOCK_COUNT / 2);
  expect([pathsOf(writer), pathsOf(reader)]).toEqual([["relay"], ["relay"]]);
  for (const { open } of [writers, readers]) open();
  // A direct way is tried once a minute, and when the network changes.
  for (const { node } of [writers, readers]) node.emit("network-change");
  const isDirect = (): boolean => [...pathsOf(writer), ...pathsOf(reader)].every((path) => path === "direct");
  const next = await core.downloadUntil(BLOCK_COUNT / 2, BLOCK_COUNT, isDirect);
  await core.download(next, BLOCK_COUNT);

  expect(next).toBeLessThan(BLOCK_COUNT);
  await core.verify();
  await eventually(() => expect([pathsOf(writer), pathsOf(reader)]).toEqual([["direct"], ["direct"]]));
});
