import { getHeapSpaceStatistics } from "node:v8";
import { systemClock } from "../../relay/clock.ts";
import { tuneHeap } from "../../relay/heap.ts";
import { YoungGeneration } from "../../relay/young-generation.ts";

/**
 * Allocates what survives collections, for as long as a relay needs to notice that it is busy. Prints how large the young
 * generation was before, when this was loaded, and how large it is now.
 */
const LEAST_MS = 2500;
const MOST_MS = 20_000;
const BUSY_BYTES = 16_777_216;

const messagesPerSecond = Number(process.argv[2]);
const kept: object[][] = [];
const beganAtMs = performance.now();
const elapsedMs = (): number => performance.now() - beganAtMs;

tuneHeap();
const bytesBefore = sizeBytes();
const young = new YoungGeneration({
  // Timers may be early.
  clock: { ...systemClock, after: (delayMs, task) => systemClock.after(delayMs * 0.99, task) },
  workCount: () => (messagesPerSecond * elapsedMs()) / 1000,
});
young.start();
while (!isOver()) {
  kept.push(Array.from({ length: 2000 }, (_, index) => ({ index })));
  if (kept.length > 10) kept.shift();
  await new Promise((resolve) => setImmediate(resolve));
}
young.stop();
process.stdout.write(`${bytesBefore} ${sizeBytes()}`);

function isOver(): boolean {
  const isToGrow = messagesPerSecond >= 10_000;
  if (elapsedMs() < LEAST_MS) return false;
  return !isToGrow || sizeBytes() >= BUSY_BYTES || elapsedMs() >= MOST_MS;
}

function sizeBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}
