import fc from "fast-check";
import { expect, it } from "vitest";
import { streamsKeepTheirPromise } from "../support/stream-properties.ts";

it("brings the bytes of each stream once and in order, or says that it has failed, over cuts, losses, stalls and aborts", async () => {
  await fc.assert(streamsKeepTheirPromise(), { numRuns: 60 });
  expect.assertions(0);
});
