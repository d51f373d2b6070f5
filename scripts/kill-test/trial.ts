import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { KillTestContestant } from "./contestant.ts";
import { Crowd } from "./crowd.ts";
import type { Disruption, Scene } from "./disruptions.ts";
import type { Balance } from "./ledger.ts";
import { onStage } from "./stage.ts";

/** One contestant under one kind of disruption. */
export type TrialResult = Balance & {
  readonly contestant: string;
  readonly disruption: string;
  /** How often. */
  readonly count: number;
  /** Of all members together, as far as nobody was held. */
  readonly messagesPerSecond: number;
  /** For how long messages were published. */
  readonly publishedForMs: number;
  /** Per disruption, until all members had everything of before; null: never. */
  readonly caughtUpMs: readonly (number | null)[];
  /** Per disruption, until all members had something of after; null: never. */
  readonly backMs: readonly (number | null)[];
  /** Per publisher, in a minute. */
  readonly heldMsPerMinute: readonly number[];
  /** The same, as far as clients tell it. */
  readonly toldHeldMsPerMinute: readonly number[];
  /** Publishes that were still waiting when the trial ended. */
  readonly stillWaiting: number;
  /** How late the event loop of members and proxy was, of 100 turns the latest but one: a long time spoils the others. */
  readonly loopDelayMs: number;
};

/** How a trial is run. */
export type TrialOptions = {
  readonly memberCount: number;
  readonly messagesPerSecond: number;
  readonly seed: number;
  /** How long nothing may come before it is taken that nothing will. */
  readonly quietMs: number;
  /** How long to wait at the end for what is still to come. */
  readonly patienceMs: number;
};

/** Ten members, 300 messages a second between them. */
export const USUAL: TrialOptions = {
  memberCount: 10,
  messagesPerSecond: 300,
  seed: 18,
  // Longer than any contestant's own time-out: Socket.IO's acknowledgements have 10 s.
  quietMs: 15_000,
  patienceMs: 60_000,
};

const LOOP_DELAY_STEP_MS = 10;
/** Before the first disruption. */
const CALM_MS = 2000;

/** Runs a fresh server and fresh members through all disruptions of a kind, and says what became of every message. */
export function runTrial(
  contestant: KillTestContestant,
  disruption: Disruption,
  options: TrialOptions,
): Promise<TrialResult> {
  const { memberCount } = options;
  return onStage(contestant, memberCount, async ({ server, proxy, ca }) => {
    const crowd = await Crowd.open(contestant, proxy, ca, options);
    const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_STEP_MS });
    try {
      const beganAtMs = performance.now();
      loopDelay.enable();
      crowd.publish();
      await pause(CALM_MS);
      await disrupt(disruption, { server, proxy, crowd, memberCount });
      const publishedForMs = performance.now() - beganAtMs;
      const stillWaiting = await crowd.settle(options.quietMs, options.patienceMs);
      if (server.death !== undefined) throw new Error(`the server has died by itself: ${server.death}`);
      return {
        contestant: contestant.name,
        disruption: disruption.name,
        count: disruption.count,
        messagesPerSecond: options.messagesPerSecond,
        publishedForMs,
        stillWaiting,
        loopDelayMs: loopDelay.percentile(99) / 1e6 - LOOP_DELAY_STEP_MS,
        ...resultOf(crowd, publishedForMs),
      };
    } finally {
      loopDelay.disable();
      await crowd.close();
    }
  });
}

async function disrupt(disruption: Disruption, scene: Scene): Promise<void> {
  for (let index = 0; index < disruption.count; index += 1) {
    await disruption.disrupt(scene, index);
    await pause(disruption.pauseMs);
  }
}

function resultOf(crowd: Crowd, publishedForMs: number): Pick<TrialResult, Measured> {
  const perMinute = (ms: number): number => (ms * 60_000) / publishedForMs;
  return {
    ...crowd.ledger.balance(),
    caughtUpMs: crowd.recoveries.map(({ caughtUpMs }) => caughtUpMs ?? null),
    backMs: crowd.recoveries.map(({ backMs }) => backMs ?? null),
    heldMsPerMinute: crowd.held.heldMs.map(perMinute),
    toldHeldMsPerMinute: crowd.held.toldMs.map(perMinute),
  };
}

type Measured = keyof Balance | "caughtUpMs" | "backMs" | "heldMsPerMinute" | "toldHeldMsPerMinute";
