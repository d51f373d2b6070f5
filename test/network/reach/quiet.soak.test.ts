import { expect } from "vitest";
import { itWithNetworks } from "../../support/requires.ts";
import { quietRows } from "./fault-rows.ts";
import { Lab } from "./lab.ts";
import { beQuiet } from "./survival.ts";

const it = itWithNetworks();

it("keeps a connection that is quiet for a minute and more", async () => {
  const lab = await Lab.start();
  const rows = quietRows.filter(({ isLong }) => isLong === true);

  const outcomes = await Promise.all(rows.map((row) => beQuiet(lab, row)));

  expect(outcomes).toEqual(rows.map(({ name }) => `${name}: survived`));
}, 400_000);
