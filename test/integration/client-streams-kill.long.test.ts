import { expect, it } from "vitest";
import { transferOverKills } from "../support/stream-transfer.ts";

it("brings 200 MB over three SIGKILLs of the relay, byte for byte", async () => {
  const { sentHash, receivedHash, receivedBytes, killCount } = await transferOverKills(200_000_000, 3);

  expect([killCount, receivedBytes]).toEqual([3, 200_000_000]);
  expect(receivedHash).toBe(sentHash);
});
