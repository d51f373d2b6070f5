import { expect, it } from "vitest";
import { killDuringRegistrations } from "../integration/registration-kills.ts";

it("loses no registration that was acknowledged, and gives no name twice, over 1,000 kills", {
  timeout: 7_200_000,
}, async () => {
  const { kills, acknowledged, lost, doubled } = await killDuringRegistrations(1000);

  const { agents, meshes, nonces } = acknowledged;
  process.stderr.write(`${kills} kills; acknowledged: ${agents} agents, ${meshes} meshes, ${nonces} used tokens\n`);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
});
