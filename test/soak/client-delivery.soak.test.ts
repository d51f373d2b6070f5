import fc from "fast-check";
import { it } from "vitest";
import { play, scenario } from "../support/delivery-scenario.ts";

const SECONDS = Number(process.env["SOAK_MINUTES"] ?? 60) * 60;

it("holds the twelve invariants in scenarios that nobody has seen", { timeout: (SECONDS + 300) * 1000 }, () => {
  fc.assert(
    fc.property(scenario, (all) => void play(all)),
    { numRuns: 10_000_000, interruptAfterTimeLimit: SECONDS * 1000 },
  );
});
