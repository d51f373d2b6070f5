import { expect, it } from "vitest";
import { median } from "../../scripts/bench/report/statistics.ts";
import { postern } from "../../scripts/kill-test/contestants/postern.ts";
import { mixed } from "../../scripts/kill-test/disruptions.ts";
import { runTrial, USUAL } from "../../scripts/kill-test/trial.ts";
import { NOTHING_LOST } from "../support/nothing-lost.ts";
import { TEST_TIMEOUT_MS } from "../support/patience.ts";

/** `SOAK_MINUTES`, an hour unless set. */
const SOAK_SECONDS = Number(process.env["SOAK_MINUTES"] ?? 60) * 60;
/** A disruption may take longer than its turn: a planned restart waits for the relay. */
const SLACK = 1.5;
const SEED = 18;

it("loses, doubles and reorders nothing while the relay is killed and restarted and members are cut off, for hours", {
  timeout: SOAK_SECONDS * 1000 * SLACK + 10 * TEST_TIMEOUT_MS,
}, async () => {
  expect(postern.missing()).toBeUndefined();

  const trial = await runTrial(postern, mixed(SOAK_SECONDS, SEED), USUAL);

  const caughtUpMs = trial.caughtUpMs.map((ms) => ms ?? Number.POSITIVE_INFINITY);
  const heldMs = Math.max(...trial.heldMsPerMinute);
  process.stdout.write(
    `soak: ${trial.owed} deliveries over ${trial.count} disruptions; caught up p50 ${Math.round(median(caughtUpMs))} ms, ` +
      `at most ${Math.round(Math.max(...caughtUpMs))} ms; held at most ${Math.round(heldMs)} ms a minute\n`,
  );
  expect(trial).toMatchObject(NOTHING_LOST);
  expect(median(caughtUpMs)).toBeLessThan(2000);
});
