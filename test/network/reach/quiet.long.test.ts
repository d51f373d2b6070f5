import { expect } from "vitest";
import { itWithNetworks } from "../../support/requires.ts";
import { quietRows } from "./fault-rows.ts";
import { Lab } from "./lab.ts";
import { beQuiet } from "./survival.ts";

const it = itWithNetworks();
const ALL_MS = 300_000;

it(
  "keeps a quiet connection where pings can, and has another one at once where they cannot",
  async () => {
    const lab = await Lab.start();

    const rows = quietRows.filter(({ isLong }) => isLong !== true);

    const outcomes = await Promise.all(rows.map((row) => beQuiet(lab, row)));

    expect(outcomes).toEqual(rows.map(({ name }) => `${name}: survived`));
  },
  ALL_MS,
);
