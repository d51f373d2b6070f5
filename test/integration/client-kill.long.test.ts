import { expect, it } from "vitest";
import { median } from "../../scripts/bench/report/statistics.ts";
import { postern } from "../../scripts/kill-test/contestants/postern.ts";
import { bareWs } from "../../scripts/kill-test/contestants/ws.ts";
import { type Disruption, disruptionsOf } from "../../scripts/kill-test/disruptions.ts";
import { runTrial, USUAL } from "../../scripts/kill-test/trial.ts";
import { NOTHING_LOST } from "../support/nothing-lost.ts";
import { TIME_FACTOR } from "../support/patience.ts";

const SHORT_FORM = disruptionsOf({ kills: 2, restarts: 2, cuts: 3, flapSeconds: 0 });
/** A third of the messages: other tests run beside it. */
const SHORT = { ...USUAL, messagesPerSecond: 100 };
const MAX_CAUGHT_UP_MS = 2000 * TIME_FACTOR;
const MAX_HELD_MS_PER_MINUTE = 2000 * TIME_FACTOR;

it("sees what a bare socket loses over a kill: the test can fail", async () => {
  const [kill] = disruptionsOf({ kills: 1, restarts: 0, cuts: 0, flapSeconds: 0 }) as [Disruption];

  const trial = await runTrial(bareWs, kill, { ...USUAL, quietMs: 2000 });

  expect(trial.owed).toBeGreaterThan(9 * 300);
  expect(trial.lostSilently).toBeGreaterThan(0);
  expect(trial.lostSilently).toBeLessThan(trial.owed / 2);
  expect(trial.caughtUpMs).toEqual([null]);
});

it.each(SHORT_FORM)(
  "loses, doubles and reorders nothing with the SDK, and holds hardly anybody: $name",
  async (disruption) => {
    const trial = await runTrial(postern, disruption, SHORT);

    expect(trial).toMatchObject(NOTHING_LOST);
    expect(median(trial.caughtUpMs.map((ms) => ms ?? Number.POSITIVE_INFINITY))).toBeLessThan(MAX_CAUGHT_UP_MS);
    expect(Math.max(...trial.heldMsPerMinute)).toBeLessThan(MAX_HELD_MS_PER_MINUTE);
  },
);
