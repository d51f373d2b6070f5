import { getHeapSpaceStatistics } from "node:v8";
import { systemClock } from "../../relay/clock.ts";
import { tuneHeap } from "../../relay/heap.ts";
import { YoungGeneration } from "../../relay/young-generation.ts";

/** Allocates what survives collections, for as long as a relay needs to notice that it is busy, and prints what came of it. */
const LEAST_MS = 2500;
const MOST_MS = 20_000;
const BUSY_BYTES = 16_777_216;

const messagesPerSecond = Number(process.argv[2]);
/** Where it is to grow, it may take longer. */
const growsUntilMs = messagesPerSecond >= 10_000 ? MOST_MS : LEAST_MS;
const kept: object[][] = [];
const beganAtMs = performance.now();
const elapsedMs = (): number => performance.now() - beganAtMs;

tuneHeap();
const young = new YoungGeneration({
  clock: systemClock,
  messageCount: () => (messagesPerSecond * elapsedMs()) / 1000,
});
young.start();
while (elapsedMs() < LEAST_MS || (elapsedMs() < growsUntilMs && sizeBytes() < BUSY_BYTES)) {
  kept.push(Array.from({ length: 2000 }, (_, index) => ({ index })));
  if (kept.length > 10) kept.shift();
  await new Promise((resolve) => setImmediate(resolve));
}
young.stop();
process.stdout.write(String(sizeBytes()));

function sizeBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}
