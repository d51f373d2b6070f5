import { expect, it } from "vitest";
import { systemClock } from "../../../relay/clock.ts";
import type { Config } from "../../../relay/config/options.ts";
import { startRelay } from "../../support/relay.ts";
import { ShiftedClock } from "../../support/shifted-clock.ts";
import { Replay, type ReplayCounts, readScenes } from "../replay.ts";

/** When it was recorded: tokens are good for a day. */
const RECORDED_AT_MS = 1_795_199_191_000;

/** The original writes spaces between the parts of a message; times are new each time. */
function normal(message: string): string {
  return JSON.stringify(JSON.parse(message)).replace(/"(joined_at|timestamp)":[\d.]+/g, '"$1":0');
}

async function replay(name: string, options: Partial<Config> = {}): Promise<ReplayCounts> {
  const clock = new ShiftedClock();
  clock.shift(RECORDED_AT_MS - systemClock.epochMs());
  const relay = await startRelay({ dialects: ["mesh"], accountStore: "memory", ...options }, clock);
  const player = new Replay({ relay, prefix: "/mesh", normal });
  const counts = await player.play(readScenes(new URL(name, import.meta.url)));
  player.expectAllHeard();
  return counts;
}

// All that was recorded, and none that was left out.
it.each([
  ["meshes.json", { sent: 56, heard: 79, closes: 25, pages: 11, differing: 78 }],
  ["holes.json", { sent: 21, heard: 34, closes: 4, pages: 0, differing: 17 }],
  ["eviction.json", { sent: 7, heard: 10, closes: 0, pages: 0, differing: 3 }],
])(
  "[MESH-1] [MESH-2] [MESH-3] [MESH-5] is to the recorded clients of the original what that was, but for what was wrong with it: %s",
  async (name, expected) => {
    expect(await replay(name, { joinTimeoutMs: name === "holes.json" ? 500 : 30_000 })).toEqual(expected);
  },
);
