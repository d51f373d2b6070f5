import fc from "fast-check";
import { it } from "vitest";
import { hubKeepsItsRules, relayKeepsItsTimes } from "../support/congestion-properties.ts";

it("keeps the rules of congestion, whoever comes, goes, sends and reads", () => {
  fc.assert(hubKeepsItsRules(), { numRuns: 10_000 });
});

it("keeps the rules of congestion in time", () => {
  fc.assert(relayKeepsItsTimes(), { numRuns: 1000 });
});
