import fc from "fast-check";
import { it } from "vitest";
import { play, scenario } from "../support/delivery-scenario.ts";

it("holds the twelve invariants, whoever comes, goes, sends, reads and lies, whatever is cut, killed, lost and doubled", () => {
  fc.assert(
    fc.property(scenario, (all) => void play(all)),
    // The same scenarios in every run; others in test/soak/.
    { numRuns: 40, seed: 18 },
  );
});
