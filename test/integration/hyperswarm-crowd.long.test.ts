import { expect, it } from "vitest";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { newTopic, TestSwarm } from "../support/swarms.ts";

const PEER_COUNT = 100;
const MAX_PEERS = 10;

it("gives each of a hundred swarms that join at once as many peers as it wants, and not all of them", async () => {
  const relay = await startRelay({ tls: "off" });
  const members = Array.from({ length: PEER_COUNT }, () => new TestSwarm(relay, { maxPeers: MAX_PEERS }));
  const topic = newTopic();

  for (const { swarm } of members) swarm.join(topic);
  await eventually(() => {
    expect(Math.min(...members.map(({ connectedKeys }) => connectedKeys.length))).toBeGreaterThanOrEqual(MAX_PEERS);
  });

  const counts = members.map(({ connectedKeys }) => connectedKeys.length);
  // A swarm dials until it has its peers, and takes those who dial it beyond that.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThan(PEER_COUNT * MAX_PEERS * 2.5);
  for (const { connectedKeys } of members) expect(new Set(connectedKeys).size).toBe(connectedKeys.length);
});
