import { expect, it } from "vitest";
import { Departure, restartTimes } from "../../relay/session/departure.ts";
import type { RestartNotice } from "../../relay/session/ports.ts";
import { FakeClock } from "../support/fake-clock.ts";

it.each([
  [0, 8000, { spreadMs: 0, reconnectWithinMs: 0 }],
  [1, 8000, { spreadMs: 5, reconnectWithinMs: 5 }],
  [100, 8000, { spreadMs: 500, reconnectWithinMs: 500 }],
  [10_000, 8000, { spreadMs: 6000, reconnectWithinMs: 6000 }],
  [10_000, 60_000, { spreadMs: 6000, reconnectWithinMs: 6000 }],
  [10_000, 3000, { spreadMs: 1000, reconnectWithinMs: 6000 }],
  [10_000, 2000, { spreadMs: 0, reconnectWithinMs: 6000 }],
  [10_000, 0, { spreadMs: 0, reconnectWithinMs: 6000 }],
])("gives %i connections with %i ms to drain %o", (connectionCount, drainTimeoutMs, expected) => {
  expect(restartTimes(connectionCount, drainTimeoutMs)).toEqual(expected);
});

/** What happens to connections, and when. */
function leave(count: number, drainTimeoutMs: number) {
  const clock = new FakeClock();
  const notices: RestartNotice[] = [];
  const refusedAtMs: number[] = [];
  const closedAtMs: number[] = [];
  const leaving = Array.from({ length: count }, (_, index) => ({
    announceRestart: (notice: RestartNotice) => void notices.push(notice),
    refuseNew: () => {
      refusedAtMs[index] = clock.monotonicMs();
    },
    restart: () => {
      closedAtMs[index] = clock.monotonicMs();
    },
  }));
  const departure = new Departure(clock, leaving, drainTimeoutMs);
  return { clock, notices, refusedAtMs, closedAtMs, departure };
}

it("tells all at once when each is closed, refuses 250 ms before, and keeps to it", () => {
  const { clock, notices, refusedAtMs, closedAtMs } = leave(200, 8000);
  const closesInMs = notices.map((notice) => notice.closesInMs);

  expect(closedAtMs).toEqual([]);
  expect(refusedAtMs).toHaveLength(50);
  clock.advance(1000);

  expect(closesInMs).toEqual(Array.from({ length: 200 }, (_, index) => (index + 1) * 5));
  expect(notices.every(({ reconnectWithinMs }) => reconnectWithinMs === 1000)).toBe(true);
  for (const [index, dueMs] of closesInMs.entries()) {
    expect((closedAtMs[index] ?? 0) - dueMs).toBeGreaterThanOrEqual(0);
    expect((closedAtMs[index] ?? 0) - dueMs).toBeLessThan(10);
    expect((refusedAtMs[index] ?? 0) - Math.max(0, dueMs - 250)).toBeGreaterThanOrEqual(0);
    expect((refusedAtMs[index] ?? 0) - Math.max(0, dueMs - 250)).toBeLessThan(10);
  }
});

it("closes all at once where there is no time", () => {
  const { notices, closedAtMs } = leave(3, 1000);

  expect(notices.map(({ closesInMs }) => closesInMs)).toEqual([0, 0, 0]);
  expect(closedAtMs).toEqual([0, 0, 0]);
});

it("closes nobody after it was stopped", () => {
  const { clock, closedAtMs, departure } = leave(200, 8000);
  clock.advance(100);

  departure.stop();
  clock.advance(1000);

  expect(closedAtMs).toHaveLength(20);
});
