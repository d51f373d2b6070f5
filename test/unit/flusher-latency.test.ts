import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Origin } from "../../relay/hub/ports.ts";
import { TurnClock } from "../../relay/turn-clock.ts";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { FakeClock } from "../support/fake-clock.ts";

it("tells once per flush how long its first chunk waited, up to the end of the last write", async () => {
  const { clock, turnClock, flusher, latencies, link } = scene({ writeMs: 3 });

  flusher.scheduleSoon(link, message(turnClock));
  clock.advance(1);
  flusher.scheduleSoon(link, message(turnClock));
  await turn();

  // One from the first chunk to the second, three for each of the two writes.
  expect(latencies).toEqual([7]);
});

it("tells the same of links that wait for the end of their interval", () => {
  const { clock, turnClock, flusher, latencies, link } = scene();
  link.lastFlushMs = 0;

  flusher.schedule(link, { ...message(turnClock), mayWait: true });
  clock.advance(2);

  expect(latencies).toEqual([2]);
});

it("tells nothing of what no message began: a ping of the sweep has waited for nobody", async () => {
  const { clock, flusher, latencies, link } = scene();
  clock.advance(60_000);

  flusher.scheduleSoon(link, undefined);
  await turn();

  expect(latencies).toEqual([]);
});

it("tells how long a frame waited that was followed", () => {
  const { clock, turnClock, flusher, latencies } = scene();
  const sinceMs = turnClock.tick();
  clock.advance(1500);

  flusher.writtenLate(sinceMs);

  expect(latencies).toEqual([1500]);
});

/** @param writeMs how long each write takes. */
function scene({ writeMs = 0 } = {}) {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const latencies: number[] = [];
  const flusher = new Flusher(
    turnClock,
    { flushIntervalMs: 2 },
    { record: (latencyMs) => void latencies.push(latencyMs) },
  );
  const link = { lastFlushMs: Number.NEGATIVE_INFINITY, flush: () => clock.advance(writeMs) };
  return { clock, turnClock, flusher, latencies, link };
}

/** A message whose bytes come now. */
function message(turnClock: TurnClock): Origin {
  return { mayWait: false, receivedAtMs: turnClock.tick() };
}
