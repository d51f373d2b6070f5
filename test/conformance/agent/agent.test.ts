import { expect, it } from "vitest";
import { startRelay } from "../../support/relay.ts";
import { Replay, readScenes } from "../replay.ts";

const scenes = readScenes(new URL("agents.json", import.meta.url));

/** Ids and times are new each time; which relay it is, is its own. */
function normal(message: string): string {
  return message
    .replace(/"id":"[\w-]{12}"/, '"id":"*"')
    .replace(/"ts":\d{13}\b/, '"ts":0')
    .replace(/"relay":"[^"]*"/, '"relay":"*"');
}

it("[AGENT-1] [AGENT-3] [AGENT-4] is to the recorded clients of the original what that was, but for what was wrong with it", async () => {
  const relay = await startRelay({
    dialects: ["agent"],
    accountStore: "memory",
    agentRegistrationsPerHour: 0,
    agentMaxMessageBytes: 2_097_152,
  });
  const replay = new Replay({
    relay,
    prefix: "/arc",
    normal,
    // Its client registers at the root, whatever the path of the relay is.
    placeOf: (path) => (path === "/register" ? path : `/arc${path}`),
    learn: ({ body }, tokens) => {
      const [, id, token] = /^\{"agent_id":"([^"]*)","token":"([^"]*)"\}$/.exec(body) ?? [];
      if (id !== undefined && token !== undefined) tokens.set(id, token);
    },
  });

  const counts = await replay.play(scenes);

  replay.expectAllHeard();
  // All that was recorded, and none that was left out.
  expect(counts).toEqual({ sent: 34, heard: 42, closes: 5, pages: 35, differing: 32 });
});
