import { expect } from "vitest";
import { hasCommands, itWithNetworks } from "../../support/requires.ts";
import { faultRows, quietRows } from "./fault-rows.ts";
import { Lab } from "./lab.ts";
import { beQuiet, survive } from "./survival.ts";

const it = itWithNetworks();

it("survives every fault: it notices in time, is back in time, and no message is lost or comes twice", async () => {
  const rows = faultRows.filter(({ name, needs = [] }) => hasCommands(needs, `the fault "${name}"`));
  const lab = await Lab.start();

  const together = rows.filter(({ isAlone }) => isAlone !== true);
  const outcomes = await Promise.all(together.map((row) => survive(lab, row)));
  for (const row of rows.filter(({ isAlone }) => isAlone === true)) outcomes.push(await survive(lab, row));

  expect(outcomes.toSorted()).toEqual(rows.map(({ name }) => `${name}: survived`).toSorted());
});

it("keeps a quiet connection where pings can, and has another one at once where they cannot", async () => {
  const lab = await Lab.start();

  const rows = quietRows.filter(({ isLong }) => isLong !== true);

  const outcomes = await Promise.all(rows.map((row) => beQuiet(lab, row)));

  expect(outcomes).toEqual(rows.map(({ name }) => `${name}: survived`));
});
