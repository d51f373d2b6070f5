import { expect, it } from "vitest";
import { killDuringRegistrations } from "./registration-kills.ts";

it("[AGENT-19] loses no registration that was acknowledged, and gives no name twice, over 50 kills", {
  timeout: 180_000,
}, async () => {
  const { acknowledged, lost, doubled } = await killDuringRegistrations(50);

  expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
  expect(acknowledged).toBeGreaterThan(100);
});
