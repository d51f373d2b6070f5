import type NoiseSecretStream from "@hyperswarm/secret-stream";
import HyperDHT from "hyperdht";
import createTestnet from "hyperdht/testnet.js";
import type Hyperswarm from "hyperswarm";
import { hyperswarm, type SwarmOptions } from "../../client/node-hyperswarm.ts";
import { median } from "../bench/report/statistics.ts";
import type { KillTestContestant } from "../kill-test/contestant.ts";
import { onStage, type Stage } from "../kill-test/stage.ts";
import { laterNode } from "./later-node.ts";

const TOPIC = Buffer.alloc(32, "client-cost");
const DHT_NODES = 4;
const TICK_MS = 2;
/** Before and behind the change. */
const SETTLE_MS = 1000;
const CHANGE_TIMEOUT_MS = 30_000;

/** What H4 measures. */
export type UpgradeOptions = { readonly rounds: number };

/** Five changes. */
export const USUAL_UPGRADES: UpgradeOptions = { rounds: 5 };

/** For each round, in ms: how long nothing came while one connection took the place of the other, and at most in the second before. */
export type UpgradeGaps = { readonly gapMs: number; readonly usualGapMs: number };

/**
 * H4: one swarm writes to another every 2 ms, at first by the relay; then UDP works, and a direct connection takes its place.
 * @returns medians of the rounds
 */
export async function measureUpgrades(relay: KillTestContestant, { rounds }: UpgradeOptions): Promise<UpgradeGaps> {
  const all: UpgradeGaps[] = [];
  for (let round = 0; round < rounds; round += 1) all.push(await onStage(relay, 2, measureOnce));
  return { gapMs: median(all.map(({ gapMs }) => gapMs)), usualGapMs: median(all.map(({ usualGapMs }) => usualGapMs)) };
}

async function measureOnce({ proxy, ca }: Stage): Promise<UpgradeGaps> {
  const { bootstrap, destroy } = await testnet();
  const nodes = [0, 1].map(() =>
    laterNode(new HyperDHT({ bootstrap, host: "127.0.0.1", firewalled: false, ephemeral: false })),
  );
  const swarms = nodes.map(({ node }, member) =>
    open({ relays: `wss://127.0.0.1:${proxy.port(member)}`, tls: { ca }, dht: node }),
  );
  const arrivals = new Arrivals();
  try {
    const [writer, reader] = swarms;
    if (writer === undefined || reader === undefined) throw new Error("there are two");
    reader.on("connection", (connection) => arrivals.listen(connection));
    for (const swarm of swarms) swarm.join(TOPIC);
    const ticking = setInterval(() => tick(writer), TICK_MS);
    try {
      await until(() => isOn("relay", swarms) && arrivals.count > 0);
      const usualGapMs = await arrivals.longestGap(Promise.resolve());
      const changed = until(() => isOn("direct", swarms));
      for (const node of nodes) node.open();
      return { usualGapMs, gapMs: await arrivals.longestGap(changed) };
    } finally {
      clearInterval(ticking);
    }
  } finally {
    await Promise.all(swarms.map((swarm) => swarm.destroy()));
    await destroy();
  }
}

async function testnet(): Promise<{ readonly bootstrap: HyperDHT.Address[]; readonly destroy: () => Promise<void> }> {
  const net = await createTestnet(DHT_NODES);
  return { bootstrap: [...net.bootstrap], destroy: () => net.destroy() };
}

function open(options: SwarmOptions): Hyperswarm {
  const swarm = hyperswarm(options);
  swarm.on("connection", (connection) => connection.on("error", () => undefined));
  return swarm;
}

function tick({ connections }: Hyperswarm): void {
  for (const connection of connections) connection.write(Buffer.of(1));
}

function isOn(path: "relay" | "direct", swarms: readonly Hyperswarm[]): boolean {
  const paths = swarms.flatMap(({ connections }) => [...connections].map(({ relayPath }) => relayPath));
  return paths.length === swarms.length && paths.every((one) => one === path);
}

async function until(claim: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + CHANGE_TIMEOUT_MS;
  while (!claim()) {
    if (performance.now() > deadlineMs)
      throw new Error("the swarms do not connect, or not by the way that is measured");
    await pause(TICK_MS);
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}

/** When something has come, on whatever connection. */
class Arrivals {
  count = 0;
  #lastMs = 0;
  #longestMs = 0;

  listen(connection: NoiseSecretStream): void {
    connection.on("data", () => {
      const nowMs = performance.now();
      this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      this.count += 1;
    });
  }

  /** From now until a moment behind something, in ms. */
  async longestGap(change: Promise<void>): Promise<number> {
    this.#longestMs = 0;
    await change;
    await pause(SETTLE_MS);
    return this.#longestMs;
  }
}
