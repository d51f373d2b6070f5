import { expect } from "vitest";
import { hasCommands, itWithNetworks } from "../../support/requires.ts";
import { Desk, wanted } from "./desk.ts";
import { Lab } from "./lab.ts";
import { policyRows } from "./policy-rows.ts";
import { longestFirst, type Row } from "./row.ts";
import { sideBySide } from "./side-by-side.ts";

const it = itWithNetworks();
const AT_A_TIME = 10;
/** Each row has a time of its own. */
const ALL_MS = 300_000;

it(
  "fares in every kind of network as docs/reach.md says",
  async () => {
    const rows = longestFirst(policyRows).filter(({ name, needs = [] }) => hasCommands(needs, `the network "${name}"`));
    const lab = await Lab.start();

    const outcomes = await sideBySide(rows, AT_A_TIME, (row) => outcomeOf(lab, row));

    expect(rows.map(({ name }, index) => `${name}: ${outcomes[index]}`)).toEqual(
      rows.map(({ name, expected }) => `${name}: ${wanted(expected)}`),
    );
  },
  ALL_MS,
);

async function outcomeOf(lab: Lab, row: Row): Promise<string> {
  const office = lab.office(row.name);
  try {
    await row.build(office);
  } catch (error) {
    return `${row.name} cannot be built: ${String(error)}`;
  }
  const desk = new Desk(office);
  const outcome = await desk.outcome(row);
  process.stdout.write(`${row.name}: ${outcome}\n`);
  await desk.process.end();
  return outcome;
}
