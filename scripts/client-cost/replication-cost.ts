import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import createTestnet from "hyperdht/testnet.js";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { median } from "../bench/report/statistics.ts";
import type { KillTestContestant } from "../kill-test/contestant.ts";
import { CutProxy } from "../kill-test/cut-proxy.ts";
import { onStage, type Stage } from "../kill-test/stage.ts";
import type { CoreRequest, CoreSetting, SwarmPath } from "./core-end.ts";
import { hasCustodial } from "./custodial.ts";
import type { CustodialRequest, CustodialSetting } from "./custodial-relay.ts";
import { EndProcess } from "./end-process.ts";

const END_PATH = new URL("./core-end.ts", import.meta.url);
const CUSTODIAN_PATH = new URL("./custodial-relay.ts", import.meta.url);
const MEGABYTES_PER_BLOCK = 65_536 / 1e6;
const WARM_UP_BLOCKS = 256;
const DHT_NODES = 3;

type End = EndProcess<CoreRequest>;
type Dht = Awaited<ReturnType<typeof createTestnet>>;

/** What H1 and H2 measure. */
export type ReplicationOptions = {
  /** As the report names it. */
  readonly workload: "H1" | "H2";
  readonly rounds: number;
  readonly blockCount: number;
  /** Between the two peers, there and back, by the relay. */
  readonly roundTripMs: number;
  /** Whether UDP takes turns with the relay: it has no round trip. */
  readonly isCompared: boolean;
};

/** Beside direct UDP; and by a relay 100 ms away, there and back. */
export const USUAL_REPLICATIONS: readonly ReplicationOptions[] = [
  { workload: "H1", rounds: 5, blockCount: 1024, roundTripMs: 0, isCompared: true },
  { workload: "H2", rounds: 3, blockCount: 1024, roundTripMs: 100, isCompared: false },
];

/** What one replication has shown. */
export type Replicated = { readonly megabytesPerSecond: number; readonly cpuMicrosPerMegabyte: number };

/** One for each round, and the medians of the rounds' own ratios, where there is something to compare with. */
export type ReplicationCost = {
  readonly workload: string;
  readonly relayed: readonly Replicated[];
  readonly direct: readonly Replicated[];
  /** Empty where `@hyperswarm/dht-relay` is not installed. */
  readonly custodial: readonly Replicated[];
  /** The rate, as a multiple of the custodial one. */
  readonly custodialRatio: number | undefined;
  readonly rateRatio: number | undefined;
  readonly cpuRatio: number | undefined;
};

/**
 * H1, H2: how fast a hypercore goes from one unmodified Hyperswarm to another by the relay, and what it costs both processes
 * together, in turns with a direct connection over UDP, and with the custodial mode of `@hyperswarm/dht-relay`, over TLS as well. No
 * relay's CPU is in it.
 */
export async function measureReplication(
  relay: KillTestContestant,
  options: ReplicationOptions,
): Promise<ReplicationCost> {
  const relayed: Replicated[] = [];
  const direct: Replicated[] = [];
  const custodial: Replicated[] = [];
  const dht = await createTestnet(DHT_NODES);
  try {
    for (let round = 0; round < options.rounds; round += 1) {
      if (options.isCompared) direct.push(await measureOnce(relay, "direct", dht, options));
      relayed.push(await measureOnce(relay, "relay", dht, options));
      if (options.isCompared && hasCustodial()) custodial.push(await measureCustodial(dht, options));
    }
  } finally {
    await dht.destroy();
  }
  const ratio = (others: readonly Replicated[], of: (replicated: Replicated) => number): number | undefined =>
    others.length > 0 ? median(relayed.map((one, round) => of(one) / of(others[round] ?? one))) : undefined;
  const rate = ({ megabytesPerSecond }: Replicated): number => megabytesPerSecond;
  return {
    workload: options.workload,
    relayed,
    direct,
    custodial,
    custodialRatio: ratio(custodial, rate),
    rateRatio: ratio(direct, rate),
    cpuRatio: ratio(direct, ({ cpuMicrosPerMegabyte }) => cpuMicrosPerMegabyte),
  };
}

/** Each peer is half of the way from the relay. */
function measureOnce(
  relay: KillTestContestant,
  path: SwarmPath,
  { bootstrap }: Dht,
  { blockCount, roundTripMs }: ReplicationOptions,
): Promise<Replicated> {
  const play = ({ proxy, ca }: Stage): Promise<Replicated> =>
    replicateOnce({ path, ca, bootstrap }, (isWriter) => proxy.port(isWriter ? 0 : 1), blockCount);
  return onStage(relay, 2, play, { delayMs: roundTripMs / 4 });
}

/** Behind the same kind of proxy, so that both relays are as far. */
async function measureCustodial({ bootstrap }: Dht, { blockCount }: ReplicationOptions): Promise<Replicated> {
  const { key, certificate } = createSelfSigned({
    names: ["localhost", "127.0.0.1"],
    notBefore: new Date(Date.now() - 3_600_000),
    lifetimeDays: 2,
  });
  const setting: CustodialSetting = { key, certificate, bootstrap };
  const custodian = await EndProcess.open<CustodialRequest>(CUSTODIAN_PATH, setting);
  try {
    const proxy = await CutProxy.listen(await custodian.ask({ ask: "port" }), 2, 0);
    try {
      const port = (isWriter: boolean): number => proxy.port(isWriter ? 0 : 1);
      return await replicateOnce({ path: "custodial", ca: certificate, bootstrap }, port, blockCount);
    } finally {
      await proxy.close();
    }
  } finally {
    await custodian.close();
  }
}

async function replicateOnce(
  both: Pick<CoreSetting, "path" | "ca" | "bootstrap">,
  port: (isWriter: boolean) => number,
  blockCount: number,
): Promise<Replicated> {
  const folder = mkdtempSync(join(tmpdir(), "client-cost-"));
  const open = (isWriter: boolean): Promise<End> => {
    const setting: CoreSetting = { ...both, isWriter, port: port(isWriter), folder };
    return EndProcess.open(END_PATH, setting);
  };
  try {
    const writer = await open(true);
    try {
      await writer.ask({ ask: "append", blockCount: WARM_UP_BLOCKS + blockCount });
      const reader = await open(false);
      try {
        return await replicate(writer, reader, blockCount);
      } finally {
        await reader.close();
      }
    } finally {
      await writer.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function replicate(writer: End, reader: End, blockCount: number): Promise<Replicated> {
  await download(reader, 0, WARM_UP_BLOCKS);
  const cpuBefore = await cpuOf(writer, reader);
  const beganAtMs = performance.now();
  await download(reader, WARM_UP_BLOCKS, WARM_UP_BLOCKS + blockCount);
  const tookMs = performance.now() - beganAtMs;
  const cpuMicros = (await cpuOf(writer, reader)) - cpuBefore;
  const megabytes = blockCount * MEGABYTES_PER_BLOCK;
  return { megabytesPerSecond: (megabytes / tookMs) * 1000, cpuMicrosPerMegabyte: cpuMicros / megabytes };
}

async function download(reader: End, start: number, end: number): Promise<void> {
  const count = await reader.ask({ ask: "download", start, end });
  if (count !== end - start) throw new Error(`${count} blocks came in place of ${end - start}`);
}

async function cpuOf(writer: End, reader: End): Promise<number> {
  return (await writer.ask({ ask: "cpu" })) + (await reader.ask({ ask: "cpu" }));
}
