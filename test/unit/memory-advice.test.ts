import { expect, it } from "vitest";
import { memoryAdvice } from "../../relay/cli/memory-advice.ts";
import { loadConfig } from "../../relay/config/load.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";

const GIBIBYTE = 1_073_741_824;

it("names the number of connections that fits into the memory that is there", () => {
  const advice = memoryAdvice(load({}), 8 * GIBIBYTE);

  const [, connections = ""] = /MAX_CONNECTIONS=(\d+) would fit/.exec(advice) ?? [];
  const bound = (count: number): number => memoryBoundBytes(load({ MAX_CONNECTIONS: `${count}` }));
  expect(advice).toContain(`at most ${Math.ceil(memoryBoundBytes(load({})) / 1_048_576)} MiB`);
  expect(advice).toContain("only 8192 MiB are there");
  expect(bound(Number(connections))).toBeLessThanOrEqual(8 * GIBIBYTE);
  expect(bound(Number(connections) + 1)).toBeGreaterThan(8 * GIBIBYTE);
  expect(advice).toContain("or set MAX_RSS_BYTES");
});

it("names no number where none fits, and the limit at which newcomers are refused where there is one", () => {
  const advice = memoryAdvice(load({ MAX_RSS_BYTES: "750000000" }), GIBIBYTE / 8);

  expect(advice).not.toContain("would fit");
  expect(advice).toContain("Above MAX_RSS_BYTES, 716 MiB, newcomers are refused.");
});

it("says in one line that it fits", () => {
  const advice = memoryAdvice(load({ MAX_CONNECTIONS: "10", MAX_FRAME_BYTES: "65536" }), 4 * GIBIBYTE);

  expect(advice).toMatch(/^memory: at most \d+ MiB, however clients behave; 4096 MiB are there$/);
});

function load(env: Readonly<Record<string, string>>): ReturnType<typeof loadConfig>["config"] {
  return loadConfig({ flags: {}, env }).config;
}
