import { setTimeout as pause } from "node:timers/promises";
import { median } from "../bench/report/statistics.ts";
import type { KillTestContestant } from "../kill-test/contestant.ts";
import { onStage, type Stage } from "../kill-test/stage.ts";
import type { EndRequest, EndSetting } from "./end.ts";
import { EndProcess } from "./end-process.ts";

const END_PATH = new URL("./end.ts", import.meta.url);
const HELLO_ATTEMPTS = 100;
const HELLO_EVERY_MS = 100;
const SETTLE_MS = 500;

type End = EndProcess<EndRequest>;

/** What C1 measures. */
export type MessageCostOptions = {
  readonly rounds: number;
  readonly payloadBytes: number;
  readonly perSecond: number;
  readonly warmUpCount: number;
  readonly messageCount: number;
};

/** 1 KiB; slowly, where most messages are alone in their TLS record, and faster, where most share one. */
export const USUAL_MESSAGES: readonly MessageCostOptions[] = [
  { rounds: 5, payloadBytes: 1024, perSecond: 4000, warmUpCount: 4000, messageCount: 12_000 },
  { rounds: 5, payloadBytes: 1024, perSecond: 16_000, warmUpCount: 8000, messageCount: 32_000 },
];

/** Microseconds of CPU for a message, of both ends together; one for each round. */
export type MessageCost = {
  readonly perSecond: number;
  readonly sdkMicros: readonly number[];
  readonly bareMicros: readonly number[];
  /** The median of the rounds' own ratios. */
  readonly ratio: number;
};

/**
 * C1: what a message of the SDK costs the publisher's and the receiver's process together, against a bare socket through the
 * same relay. The two take turns, so that a slow moment of the machine hits both. The relay's CPU is not in it.
 */
export async function measureMessages(
  sdk: KillTestContestant,
  bare: KillTestContestant,
  options: MessageCostOptions,
): Promise<MessageCost> {
  const sdkMicros: number[] = [];
  const bareMicros: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    bareMicros.push(await measureOnce(bare, options));
    sdkMicros.push(await measureOnce(sdk, options));
  }
  const ratio = median(sdkMicros.map((micros, round) => micros / (bareMicros[round] ?? Number.NaN)));
  return { perSecond: options.perSecond, sdkMicros, bareMicros, ratio };
}

function measureOnce(contestant: KillTestContestant, options: MessageCostOptions): Promise<number> {
  return onStage(contestant, 2, async (stage) => {
    const receiver = await openEnd(contestant, stage, 1, options.payloadBytes);
    try {
      const publisher = await openEnd(contestant, stage, 0, options.payloadBytes);
      try {
        return await exchange(publisher, receiver, options);
      } finally {
        await publisher.close();
      }
    } finally {
      await receiver.close();
    }
  });
}

async function exchange(publisher: End, receiver: End, options: MessageCostOptions): Promise<number> {
  const { perSecond, warmUpCount, messageCount } = options;
  await meet(publisher, receiver);
  const before = await receiver.ask({ ask: "received", atLeast: 0 });
  await publisher.ask({ ask: "publish", count: warmUpCount, perSecond });
  await arrive(receiver, before + warmUpCount);
  const cpuBefore = await cpuOf(publisher, receiver);
  await publisher.ask({ ask: "publish", count: messageCount, perSecond });
  await arrive(receiver, before + warmUpCount + messageCount);
  return ((await cpuOf(publisher, receiver)) - cpuBefore) / messageCount;
}

/** Publishes one at a time until the receiver has one. */
async function meet(publisher: End, receiver: End): Promise<void> {
  for (let attempt = 0; attempt < HELLO_ATTEMPTS; attempt += 1) {
    await publisher.ask({ ask: "publish", count: 1, perSecond: 1000 });
    await pause(HELLO_EVERY_MS);
    if ((await receiver.ask({ ask: "received", atLeast: 0 })) > 0) {
      await pause(SETTLE_MS);
      return;
    }
  }
  throw new Error("the two ends do not hear each other");
}

async function arrive(receiver: End, count: number): Promise<void> {
  const received = await receiver.ask({ ask: "received", atLeast: count });
  if (received !== count) throw new Error(`${received} messages came, and ${count} were sent`);
}

async function cpuOf(publisher: End, receiver: End): Promise<number> {
  return (await publisher.ask({ ask: "cpu" })) + (await receiver.ask({ ask: "cpu" }));
}

function openEnd(contestant: KillTestContestant, stage: Stage, index: number, payloadBytes: number): Promise<End> {
  const { proxy, ca } = stage;
  const setting: EndSetting = { contestant: contestant.name, port: proxy.port(index), ca, index, payloadBytes };
  return EndProcess.open(END_PATH, setting);
}
