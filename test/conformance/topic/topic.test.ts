import { expect, it } from "vitest";
import { startRelay } from "../../support/relay.ts";
import { Replay, readScenes } from "../replay.ts";

const scenes = readScenes(new URL("plures.json", import.meta.url));

/** The relay's names for peers without one are new each time. */
function normal(message: string): string {
  return message.replace(/"peer-\d{13}-[a-z0-9]{9}"/, '"peer-*"');
}

it("[TOPIC-1] [TOPIC-4] [TOPIC-5] [TOPIC-6] is to the recorded clients of the original what that was, but for what was wrong with it", async () => {
  const relay = await startRelay();
  const replay = new Replay({ relay, prefix: "/plures", normal });

  const counts = await replay.play(scenes);

  replay.expectAllHeard();
  // All that was recorded, and none that was left out; and one that C hears, whom the recording cut off too soon for it.
  expect(counts).toEqual({ sent: 34, heard: 26, closes: 4, pages: 8, differing: 17 });
});
