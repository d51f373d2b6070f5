import { expect, it } from "vitest";
import { killWriters } from "../support/mailbox-kills.ts";
import { storeDirectory } from "../support/mailbox-store.ts";
import { tell, tellOutcome } from "./outcome.ts";

/** Each with a store of its own, which is looked through after every kill. */
const ROUND_COUNT = 10;
const KILLS_EACH = 100;

it("loses and doubles nothing over 1,000 kills in the middle of writing", { timeout: 7_200_000 }, async () => {
  let acknowledged = 0;
  const summaryOf = (rounds: number): string =>
    `${rounds * KILLS_EACH} kills; of ${acknowledged} acknowledged deposits each is there once`;
  for (let round = 1; round <= ROUND_COUNT; round += 1) {
    acknowledged += await killWriters(await storeDirectory(), KILLS_EACH, round);
    tell(summaryOf(round));
  }

  tellOutcome(summaryOf(ROUND_COUNT));
  expect(acknowledged).toBeGreaterThan(ROUND_COUNT * KILLS_EACH);
});
