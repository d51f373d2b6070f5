import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import { startRelay } from "./relay.ts";
import { newTopic, TestSwarm } from "./swarms.ts";

const MAX_PEERS = 10;

/** That so many swarms, in this process, which join at once get as many peers as each wants, and not all of them. */
export async function expectCrowdToMeet(swarmCount: number): Promise<void> {
  const relay = await startRelay({ tls: "off" });
  const members = Array.from({ length: swarmCount }, () => new TestSwarm(relay, { maxPeers: MAX_PEERS }));
  const topic = newTopic();

  for (const { swarm } of members) swarm.join(topic);
  await eventually(() => {
    expect(Math.min(...members.map(({ connectedKeys }) => connectedKeys.length))).toBeGreaterThanOrEqual(MAX_PEERS);
  });

  const counts = members.map(({ connectedKeys }) => connectedKeys.length);
  // A swarm dials until it has its peers, and takes those who dial it beyond that.
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThan(swarmCount * MAX_PEERS * 2.5);
  for (const { connectedKeys } of members) expect(new Set(connectedKeys).size).toBe(connectedKeys.length);
}
