import { expect, it } from "vitest";
import { killDuringRegistrations } from "./registration-kills.ts";

it("[AGENT-19] [MESH-21] loses no registration that was acknowledged, and gives no name twice, over 50 kills", {
  timeout: 240_000,
}, async () => {
  const { acknowledged, lost, doubled } = await killDuringRegistrations(50);

  expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
  expect(acknowledged.agents).toBeGreaterThan(100);
  expect(acknowledged.meshes).toBeGreaterThan(25);
  expect(acknowledged.nonces).toBeGreaterThan(25);
});
