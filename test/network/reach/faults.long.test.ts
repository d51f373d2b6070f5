import { expect } from "vitest";
import { hasCommands, itWithNetworks } from "../../support/requires.ts";
import { faultRows } from "./fault-rows.ts";
import { Lab } from "./lab.ts";
import { survive } from "./survival.ts";

const it = itWithNetworks();
/** Each row has a time of its own. */
const ALL_MS = 300_000;

it(
  "survives every fault: it notices in time, is back in time, and no message is lost or comes twice",
  async () => {
    const rows = faultRows.filter(({ name, needs = [] }) => hasCommands(needs, `the fault "${name}"`));
    const lab = await Lab.start();

    const together = rows.filter(({ isAlone }) => isAlone !== true);
    const outcomes = await Promise.all(together.map((row) => survive(lab, row)));
    for (const row of rows.filter(({ isAlone }) => isAlone === true)) outcomes.push(await survive(lab, row));

    expect(outcomes.toSorted()).toEqual(rows.map(({ name }) => `${name}: survived`).toSorted());
  },
  ALL_MS,
);
