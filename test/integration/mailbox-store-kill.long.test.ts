import { expect, it } from "vitest";
import { killWriters } from "../support/mailbox-kills.ts";
import { storeDirectory } from "../support/mailbox-store.ts";

/** A quarter of a minute on a quiet machine, and more than a minute beside others. */
const PLAY_MS = 240_000;

it("loses and doubles nothing over 50 kills in the middle of writing", { timeout: PLAY_MS }, async () => {
  expect(await killWriters(await storeDirectory(), 50, 2)).toBeGreaterThan(50);
});
