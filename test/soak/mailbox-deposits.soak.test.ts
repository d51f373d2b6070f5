import { expect, it } from "vitest";
import { DEPOSIT_COUNT, killRelayDuringDeposits } from "../support/mailbox-deposit-kills.ts";
import { tellOutcome } from "./outcome.ts";

/** Kills come as long as there is something to deposit. */
const EVERY_LIFE = { maxKills: 1000, maxLifeMs: 30 };

it("loses and doubles nothing of 10,000 deposits, whenever the relay is killed", { timeout: 7_200_000 }, async () => {
  const { kills, storedCount, idCount } = await killRelayDuringDeposits(EVERY_LIFE);

  tellOutcome(
    `${kills} kills over ${DEPOSIT_COUNT} deposits, all acknowledged; ${storedCount} stored, ${idCount} different ones`,
  );
  expect([storedCount, idCount]).toEqual([DEPOSIT_COUNT, DEPOSIT_COUNT]);
  expect(kills).toBeGreaterThan(50);
});
