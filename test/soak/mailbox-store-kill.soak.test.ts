import { expect, it } from "vitest";
import { killWriters } from "../support/mailbox-kills.ts";
import { storeDirectory } from "../support/mailbox-store.ts";

const HOUR_MS = 3_600_000;

it("loses and doubles nothing over 1,000 kills in the middle of writing", { timeout: HOUR_MS }, async () => {
  expect(await killWriters(await storeDirectory(), 1000, 3)).toBeGreaterThan(1000);
});
