import { expect, it } from "vitest";
import { DEPOSIT_COUNT, killRelayDuringDeposits } from "../support/mailbox-deposit-kills.ts";

/** Half a minute on a quiet machine, and more than a minute beside others. */
const PLAY_MS = 240_000;

it("loses nothing of 10,000 deposits that it has acknowledged, and doubles none, over kills of the relay", {
  timeout: PLAY_MS,
}, async () => {
  const { kills, storedCount, idCount } = await killRelayDuringDeposits({ maxKills: 25, maxLifeMs: 100 });

  expect([storedCount, idCount]).toEqual([DEPOSIT_COUNT, DEPOSIT_COUNT]);
  expect(kills).toBeGreaterThan(5);
});
