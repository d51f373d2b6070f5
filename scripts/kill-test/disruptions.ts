import { setTimeout as pause } from "node:timers/promises";
import type { Crowd } from "./crowd.ts";
import type { CutProxy } from "./cut-proxy.ts";
import { seededRandom } from "./random.ts";
import type { ServerProcess } from "./server-process.ts";

/** What a disruption works on. */
export type Scene = {
  readonly server: ServerProcess;
  readonly proxy: CutProxy;
  readonly crowd: Crowd;
  readonly memberCount: number;
};

/** Something that goes wrong, some times, with a pause after each. */
export type Disruption = {
  readonly name: string;
  readonly count: number;
  readonly pauseMs: number;
  /** Resolves when it is over, and has told the crowd so. */
  readonly disrupt: (scene: Scene, index: number) => Promise<void>;
};

/** As a supervisor waits before it starts again what has died. */
const DOWN_MS = 500;
const CUT_MS = 2000;
/** Of a member that flaps: it is cut for 2 s of every 8. */
const FLAP_MS = 8000;
const AFTER_SERVER_MS = 6000;
const AFTER_CUT_MS = 2000;

/** How many of each; none is left out. */
export type DisruptionCounts = {
  readonly kills: number;
  readonly restarts: number;
  readonly cuts: number;
  /** How long one member flaps. */
  readonly flapSeconds: number;
};

/** The kinds of disruption of a run, in the order of the table. */
export function disruptionsOf({ kills, restarts, cuts, flapSeconds }: DisruptionCounts): readonly Disruption[] {
  const all: readonly Disruption[] = [
    { name: "kill", count: kills, pauseMs: AFTER_SERVER_MS, disrupt: kill },
    { name: "planned restart", count: restarts, pauseMs: AFTER_SERVER_MS, disrupt: restart },
    {
      name: "cut",
      count: cuts,
      pauseMs: AFTER_CUT_MS,
      disrupt: (scene, index) => cut(scene, index % scene.memberCount),
    },
    {
      name: "flapping",
      count: Math.floor((flapSeconds * 1000) / FLAP_MS),
      pauseMs: FLAP_MS - CUT_MS,
      disrupt: (scene) => cut(scene, 0),
    },
  ];
  return all.filter(({ count }) => count > 0);
}

/** All of them mixed, at random, for so long about. */
export function mixed(seconds: number, seed: number): Disruption {
  const random = seededRandom(seed);
  const pick = (scene: Scene): Promise<void> => {
    const chance = random();
    if (chance < 0.3) return kill(scene);
    if (chance < 0.5) return restart(scene);
    return cut(scene, Math.floor(random() * scene.memberCount));
  };
  return { name: "mixed", count: Math.ceil((seconds * 1000) / FLAP_MS), pauseMs: AFTER_SERVER_MS, disrupt: pick };
}

async function kill({ server, crowd }: Scene): Promise<void> {
  await server.kill();
  await pause(DOWN_MS);
  await server.start();
  crowd.ready();
}

async function restart({ server, crowd }: Scene): Promise<void> {
  await server.stop();
  await server.start();
  crowd.ready();
}

async function cut({ proxy, crowd }: Scene, member: number): Promise<void> {
  await proxy.cut(member);
  await pause(CUT_MS);
  await proxy.mend(member);
  crowd.ready();
}
