import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { FakeClock } from "../support/fake-clock.ts";

it("tells once per flush how long its first chunk waited, up to the end of the last write", async () => {
  const { clock, flusher, latencies, link } = scene({ writeMs: 3 });

  reading(flusher, () => flusher.scheduleSoon(link));
  clock.advance(1);
  reading(flusher, () => flusher.scheduleSoon(link));
  await turn();

  // One from the first chunk to the second, three for each of the two writes.
  expect(latencies).toEqual([7]);
});

it("tells the same of links that wait for the end of their interval", () => {
  const { clock, flusher, latencies, link } = scene();
  link.lastFlushMs = 0;

  reading(flusher, () => {
    flusher.isPatient = true;
    flusher.schedule(link);
    flusher.isPatient = false;
  });
  clock.advance(2);

  expect(latencies).toEqual([2]);
});

it("tells nothing of what no chunk began: a ping of the sweep has waited for nobody", async () => {
  const { clock, flusher, latencies, link } = scene();
  reading(flusher, () => undefined);
  clock.advance(60_000);

  flusher.scheduleSoon(link);
  await turn();

  expect(latencies).toEqual([]);
});

it("tells how long a frame waited that was followed", () => {
  const { clock, flusher, latencies } = scene();
  reading(flusher, () => undefined);
  const sinceMs = flusher.nowMs;
  clock.advance(1500);

  flusher.writtenLate(sinceMs);

  expect(latencies).toEqual([1500]);
});

/** @param writeMs how long each write takes. */
function scene({ writeMs = 0 } = {}) {
  const clock = new FakeClock();
  const latencies: number[] = [];
  const flusher = new Flusher(clock, { flushIntervalMs: 2 }, { record: (latencyMs) => void latencies.push(latencyMs) });
  const link = { lastFlushMs: Number.NEGATIVE_INFINITY, flush: () => clock.advance(writeMs) };
  return { clock, flusher, latencies, link };
}

/** As a link does with a chunk. */
function reading(flusher: Flusher, take: () => void): void {
  flusher.tick();
  flusher.isReading = true;
  take();
  flusher.isReading = false;
}
