import { expect, it } from "vitest";
import { killDuringRegistrations } from "../integration/registration-kills.ts";

it("loses no registration that was acknowledged, and gives no name twice, over 1,000 kills", {
  timeout: 3_600_000,
}, async () => {
  const report = await killDuringRegistrations(1000);

  process.stderr.write(`${report.kills} kills, ${report.acknowledged} acknowledged\n`);
  expect({ lost: report.lost, doubled: report.doubled }).toEqual({ lost: [], doubled: [] });
});
