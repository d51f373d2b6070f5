import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { Holds } from "../../relay/hub/holds.ts";
import { Outbox } from "../../relay/hub/outbox.ts";
import { ReaderProgress } from "../../relay/websocket/reader-progress.ts";
import { hubKeepsItsRules, relayKeepsItsTimes } from "../support/congestion-properties.ts";
import type { CongestionRule, HubVariant } from "../support/hub-model.ts";
import { TestTime } from "../support/test-time.ts";
import { type Scenario, TimedRelay, type TimedRule, type TimedVariant } from "../support/timed-relay.ts";

it("loses nothing, overtakes nothing, starves nobody and holds what it must, whoever comes, goes, sends and reads", () => {
  fc.assert(hubKeepsItsRules(), { numRuns: 400 });
});

it("cuts nobody who reads, ends the dead in time, breaks rings one by one and lets all drain", () => {
  fc.assert(relayKeepsItsTimes(), { numRuns: 40 });
});

const steady = {
  kind: "steady",
  bytesPerSecond: 125_000,
  isClassic: false,
  messageCount: 0,
  messageBytes: 300_000,
} as const;

/** What each wrong relay breaks first: a scenario that shows it stands before those that chance finds. */
const timedDefects: readonly (readonly [string, TimedRule, () => TimedVariant, Scenario])[] = [
  [
    "no window",
    "no live reader is cut",
    () => ({ createProgress: (limits) => new WithoutWindow(limits) }),
    {
      clients: [
        { ...steady, bytesPerSecond: 40_000 },
        { ...steady, messageCount: 40 },
      ],
      kernelBytes: 4_000_000,
    },
  ],
  [
    "a clock that restarts at each hold",
    "the dead are ended in time",
    () => ({ createProgress: (limits) => new WithRestartingClock(limits) }),
    {
      clients: [
        { kind: "dead", bytesPerSecond: 40_000, isClassic: true, messageCount: 400, messageBytes: 70_000 },
        { ...steady, bytesPerSecond: 40_000 },
        { ...steady, messageCount: 4 },
      ],
      kernelBytes: 100_000,
    },
  ],
  [
    "pings while unread",
    "no ping while not read",
    () => ({ createProgress: (limits) => new WithPingsWhileUnread(limits) }),
    {
      clients: [
        { ...steady, bytesPerSecond: 40_000, isClassic: true, messageCount: 12 },
        { ...steady, bytesPerSecond: 40_000, messageCount: 12 },
      ],
      kernelBytes: 100_000,
    },
  ],
];

class WithoutWindow extends ReaderProgress {
  override get roomBytes(): number {
    return Number.POSITIVE_INFINITY;
  }
}

class WithRestartingClock extends ReaderProgress {
  override readAgain(nowMs: number): void {
    super.readAgain(nowMs);
    this.freed(nowMs);
  }
}

class WithPingsWhileUnread extends ReaderProgress {
  override unread(): void {
    // Not told, it goes on asking.
  }
}

it.each(timedDefects)("catches %s", (_defect, rule, variant, shown) => {
  new TimedRelay(shown).run();

  const { failed, errorInstance } = fc.check(relayKeepsItsTimes(variant), {
    numRuns: 1,
    examples: [[shown]],
    endOnFailure: true,
  });

  expect(failed).toBe(true);
  expect(errorInstance).toMatchObject({ message: expect.stringMatching(`^${rule}: `) });
});

class AllRoundsAtOnce extends TestTime {
  override nextTurn(task: () => void): void {
    task();
  }
}

const hubDefects: readonly (readonly [string, CongestionRule, () => HubVariant])[] = [
  [
    "own congestion that pauses reading",
    "who is held is not read, and nobody else",
    () => {
      const congested = Object.getOwnPropertyDescriptor(Holds.prototype, "congested")?.value as Holds["congested"];
      vi.spyOn(Holds.prototype, "congested").mockImplementation(function (this: Holds, peer) {
        congested.call(this, peer);
        peer.link.pause();
      });
      return {};
    },
  ],
  [
    "newcomers that do not queue",
    "newcomers queue",
    () => {
      vi.spyOn(Outbox.prototype, "hasRoom", "get").mockImplementation(function (this: Outbox) {
        return this.isBelowHighWater;
      });
      return {};
    },
  ],
  ["all rounds at once", "one message each per round", () => ({ time: new AllRoundsAtOnce() })],
];

it.each(hubDefects)("catches %s", (_defect, rule, variant) => {
  const parts = variant();

  // A rule that it breaks by the way counts only where its own is never the first.
  const { failed, errorInstance } = fc.check(
    hubKeepsItsRules(() => parts),
    { numRuns: 200, endOnFailure: true },
  );

  expect(failed).toBe(true);
  expect(errorInstance).toMatchObject({ message: expect.stringMatching(`^${rule}: `) });
});
