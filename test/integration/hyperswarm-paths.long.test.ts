import { expect, it } from "vitest";
import { laterNode } from "../../scripts/client-cost/later-node.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { TestSwarm } from "../support/swarms.ts";
import { TestDHT } from "../support/testnet.ts";
import { WantedCore } from "../support/wanted-core.ts";

/** Of 64 KiB: 20 MB. With CORE_BLOCKS=3200 it is 200 MB. */
const BLOCK_COUNT = Number(process.env["CORE_BLOCKS"] ?? 300);

/** How the present connections of a swarm go. */
function pathsOf({ swarm }: TestSwarm): readonly unknown[] {
  return [...swarm.connections].map(({ relayPath }) => relayPath);
}

it("replicates a core over direct connections alone, each block as it was", async () => {
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

it("replicates a core that begins over the relay and ends directly, each block as it was", async () => {
  const [relay, dht] = [await startRelay({ tls: "off" }), await TestDHT.start()];
  const [writers, readers] = [laterNode(dht.node()), laterNode(dht.node())];
  const [writer, reader] = [new TestSwarm(relay, { dht: writers.node }), new TestSwarm(relay, { dht: readers.node })];
  const core = await WantedCore.between(writer, reader, BLOCK_COUNT);

  await core.download(0, BLOCK_COUNT / 2);
  expect([pathsOf(writer), pathsOf(reader)]).toEqual([["relay"], ["relay"]]);
  for (const { open } of [writers, readers]) open();
  const isDirect = (): boolean => [...pathsOf(writer), ...pathsOf(reader)].every((path) => path === "direct");
  const next = await core.downloadUntil(BLOCK_COUNT / 2, BLOCK_COUNT, isDirect);
  await core.download(next, BLOCK_COUNT);

  expect(next).toBeLessThan(BLOCK_COUNT);
  await core.verify();
  await eventually(() => expect([pathsOf(writer), pathsOf(reader)]).toEqual([["direct"], ["direct"]]));
});
