import { it } from "vitest";
import { expectCrowdToMeet } from "../support/swarm-crowd.ts";

it("gives each of a hundred swarms that join at once as many peers as it wants, and not all of them", async () => {
  await expectCrowdToMeet(100);
});
