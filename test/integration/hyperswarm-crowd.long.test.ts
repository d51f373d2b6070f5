import { it } from "vitest";
import { expectCrowdToMeet } from "../support/swarm-crowd.ts";

// Each proves itself to each: a hundred in one process are 20 s of CPU, and run in test/soak.
it("gives each of forty swarms that join at once as many peers as it wants, and not all of them", async () => {
  await expectCrowdToMeet(40);
});
