import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { freePort } from "../loopback/free-port.ts";
import type { KillTestContestant } from "./contestant.ts";
import { Crowd } from "./crowd.ts";
import { CutProxy } from "./cut-proxy.ts";
import type { Disruption, Scene } from "./disruptions.ts";
import type { Balance } from "./ledger.ts";
import { ServerProcess } from "./server-process.ts";

/** One contestant under one kind of disruption. */
export type TrialResult = Balance & {
  readonly contestant: string;
  readonly disruption: string;
  /** How often. */
  readonly count: number;
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
export async function runTrial(
  contestant: KillTestContestant,
  disruption: Disruption,
  options: TrialOptions,
): Promise<TrialResult> {
  const directory = mkdtempSync(join(tmpdir(), "kill-test-"));
  const { server, serverPort, ca } = await prepare(contestant, directory);
  const proxy = await CutProxy.listen(serverPort, options.memberCount);
  const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_STEP_MS });
  let crowd: Crowd | undefined;
  try {
    await server.start();
    crowd = await Crowd.open(contestant, proxy, ca, options);
    const beganAtMs = performance.now();
    loopDelay.enable();
    crowd.publish();
    await pause(CALM_MS);
    await disrupt(disruption, { server, proxy, crowd, memberCount: options.memberCount });
    const publishedForMs = performance.now() - beganAtMs;
    const stillWaiting = await crowd.settle(options.quietMs, options.patienceMs);
    return {
      contestant: contestant.name,
      disruption: disruption.name,
      count: disruption.count,
      publishedForMs,
      stillWaiting,
      loopDelayMs: loopDelay.percentile(99) / 1e6 - LOOP_DELAY_STEP_MS,
      ...resultOf(crowd, publishedForMs),
    };
  } finally {
    loopDelay.disable();
    await crowd?.close();
    await proxy.close();
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function disrupt(disruption: Disruption, scene: Scene): Promise<void> {
  for (let index = 0; index < disruption.count; index += 1) {
    await disruption.disrupt(scene, index);
    await pause(disruption.pauseMs);
  }
}

type Prepared = { readonly server: ServerProcess; readonly serverPort: number; readonly ca: string };

async function prepare(contestant: KillTestContestant, directory: string): Promise<Prepared> {
  const { key, certificate } = createSelfSigned({
    names: ["localhost", "127.0.0.1"],
    notBefore: new Date(Date.now() - 3_600_000),
    lifetimeDays: 2,
  });
  const [keyPath, certificatePath] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
  writeFileSync(keyPath, key);
  writeFileSync(certificatePath, certificate);
  const port = await freePort();
  const command = contestant.command({ port, keyPath, certificatePath, directory });
  return { server: new ServerProcess(command, port), serverPort: port, ca: certificate };
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
