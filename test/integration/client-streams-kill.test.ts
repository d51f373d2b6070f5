import { expect, it } from "vitest";
import { transferOverKills } from "../support/stream-transfer.ts";

it("brings 8 MB over a SIGKILL of the relay, byte for byte", async () => {
  const { sentHash, receivedHash, receivedBytes, killCount } = await transferOverKills(8_000_000, 1);

  expect([killCount, receivedBytes]).toEqual([1, 8_000_000]);
  expect(receivedHash).toBe(sentHash);
});
