import { expect, it } from "vitest";
import { transferOverKills } from "../support/stream-transfer.ts";

it("brings 200 MB over eight SIGKILLs of the relay, byte for byte", async () => {
  const { sentHash, receivedHash, receivedBytes, killCount } = await transferOverKills(200_000_000, 8);

  expect([killCount, receivedBytes]).toEqual([8, 200_000_000]);
  expect(receivedHash).toBe(sentHash);
});
