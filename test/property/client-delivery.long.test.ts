import fc from "fast-check";
import { it } from "vitest";
import { play, scenario } from "../support/delivery-scenario.ts";

it("holds the twelve invariants in many more runs", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(scenario, (all) => void play(all)),
    { numRuns: 100_000, interruptAfterTimeLimit: 50_000 },
  );
});
