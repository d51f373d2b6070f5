import { expect, it } from "vitest";
import { killWriters } from "../support/mailbox-kills.ts";
import { storeDirectory } from "../support/mailbox-store.ts";

it("loses and doubles nothing over 50 kills in the middle of writing", async () => {
  expect(await killWriters(await storeDirectory(), 50, 2)).toBeGreaterThan(50);
});
