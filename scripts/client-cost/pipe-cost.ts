import { median } from "../bench/report/statistics.ts";
import type { KillTestContestant } from "../kill-test/contestant.ts";
import { onStage, type Stage } from "../kill-test/stage.ts";
import { EndProcess } from "./end-process.ts";
import type { PipeKind, PipeRequest, PipeSetting } from "./pipe-end.ts";

const END_PATH = new URL("./pipe-end.ts", import.meta.url);
const BYTES_PER_MB = 1_000_000;

type End = EndProcess<PipeRequest>;

/** What C3 and C4 measure. */
export type PipeCostOptions = {
  /** As the report names it. */
  readonly workload: "C3" | "C4";
  readonly rounds: number;
  readonly warmUpBytes: number;
  readonly byteCount: number;
  /** Between the two peers, there and back. */
  readonly roundTripMs: number;
  /** At least so much of the bare pipe's rate. */
  readonly minRateRatio: number;
};

/** The most that a stream's peers may cost, as a multiple of the CPU of a bare pipe's. */
export const MAX_CPU_RATIO = 2;

/** Without a round trip, and with one of 100 ms. */
export const USUAL_PIPES: readonly PipeCostOptions[] = [
  { workload: "C3", rounds: 5, warmUpBytes: 32_000_000, byteCount: 128_000_000, roundTripMs: 0, minRateRatio: 0.85 },
  { workload: "C4", rounds: 5, warmUpBytes: 64_000_000, byteCount: 128_000_000, roundTripMs: 100, minRateRatio: 0.95 },
];

/** What one round has shown of one kind. */
type Carried = { readonly megabytesPerSecond: number; readonly cpuMicrosPerMegabyte: number };

/** A stream against a bare pipe: what each round has shown, and the medians of the rounds' own ratios. */
export type PipeCost = {
  readonly workload: string;
  readonly streams: readonly Carried[];
  readonly pipes: readonly Carried[];
  readonly rateRatio: number;
  readonly cpuRatio: number;
};

/**
 * C3, C4: how fast a sealed stream carries a large file from one peer to another, and what it costs both processes together,
 * against a bare socket on the relay's path for pipes, unsealed. The two take turns. The relay's CPU is not in it.
 */
export async function measurePipes(relay: KillTestContestant, options: PipeCostOptions): Promise<PipeCost> {
  const streams: Carried[] = [];
  const pipes: Carried[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    pipes.push(await measureOnce(relay, "raw pipe", options));
    streams.push(await measureOnce(relay, "stream", options));
  }
  const ratio = (of: (carried: Carried) => number): number =>
    median(streams.map((stream, round) => of(stream) / of(pipes[round] ?? stream)));
  return {
    workload: options.workload,
    streams,
    pipes,
    rateRatio: ratio(({ megabytesPerSecond }) => megabytesPerSecond),
    cpuRatio: ratio(({ cpuMicrosPerMegabyte }) => cpuMicrosPerMegabyte),
  };
}

/** Each peer is half of the way from the relay. */
function measureOnce(relay: KillTestContestant, kind: PipeKind, options: PipeCostOptions): Promise<Carried> {
  const play = async (stage: Stage): Promise<Carried> => {
    const receiver = await openEnd(stage, { kind, isSender: false });
    try {
      const sender = await openEnd(stage, { kind, isSender: true });
      try {
        return await carry(sender, receiver, options);
      } finally {
        await sender.close();
      }
    } finally {
      await receiver.close();
    }
  };
  return onStage(relay, 2, play, { delayMs: options.roundTripMs / 4 });
}

async function carry(sender: End, receiver: End, { warmUpBytes, byteCount }: PipeCostOptions): Promise<Carried> {
  const before = await sender.ask({ ask: "send", byteCount: warmUpBytes });
  await arrive(receiver, before);
  const cpuBefore = await cpuOf(sender, receiver);
  const beganAtMs = performance.now();
  const sentBytes = await sender.ask({ ask: "send", byteCount });
  await arrive(receiver, before + sentBytes);
  const tookMs = performance.now() - beganAtMs;
  const cpuMicros = (await cpuOf(sender, receiver)) - cpuBefore;
  const megabytes = sentBytes / BYTES_PER_MB;
  return { megabytesPerSecond: (megabytes / tookMs) * 1000, cpuMicrosPerMegabyte: cpuMicros / megabytes };
}

async function arrive(receiver: End, byteCount: number): Promise<void> {
  const received = await receiver.ask({ ask: "received", atLeast: byteCount });
  if (received !== byteCount) throw new Error(`${received} bytes came, and ${byteCount} were sent`);
}

async function cpuOf(sender: End, receiver: End): Promise<number> {
  return (await sender.ask({ ask: "cpu" })) + (await receiver.ask({ ask: "cpu" }));
}

function openEnd({ proxy, ca }: Stage, end: Pick<PipeSetting, "kind" | "isSender">): Promise<End> {
  const setting: PipeSetting = { ...end, port: proxy.port(end.isSender ? 0 : 1), ca };
  return EndProcess.open(END_PATH, setting);
}
