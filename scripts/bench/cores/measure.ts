import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificate } from "../certificate.ts";
import { isolate, runInNamespace } from "../isolation.ts";
import { describeMachine } from "../machine.ts";
import { median } from "../report/statistics.ts";
import { type Arrangement, arrangements } from "./arrangements.ts";
import {
  type Figures,
  tryDividedLoad,
  tryDrain,
  tryFrozen,
  tryHandshakes,
  tryLoadPerProcess,
  trySpread,
} from "./trials.ts";

/**
 * Compares the ways to use several cores: docs/adr/0001-several-cores.md. Prints a table: medians of interleaved rounds.
 * Arguments: the number of rounds, and what the name of an arrangement begins with where not all are wanted.
 */
const ROUNDS = Number(process.argv[2] ?? 3);
const chosen = arrangements.filter(({ name }) => name.startsWith(process.argv[3] ?? ""));
const trials = [trySpread, tryHandshakes, tryDividedLoad, tryLoadPerProcess, tryFrozen, tryDrain];
const RELAY_SETTINGS = { DRAIN_TIMEOUT_MS: "1000" };

const exitCode = await runInNamespace({});
if (exitCode === undefined) await main();
else process.exitCode = exitCode;

async function main(): Promise<void> {
  const machine = describeMachine({ ...isolate(), cores: "nothing pinned" });
  const directory = mkdtempSync(join(tmpdir(), "postern-cores-"));
  const gathered = new Map<string, Map<string, number[]>>();
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const arrangement of chosen) {
        process.stderr.write(`round ${round}: ${arrangement.name}\n`);
        for (const figures of await runTrials(arrangement, directory)) gather(gathered, arrangement.name, figures);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write(`${JSON.stringify(machine)}\n\n${toTable(gathered)}`);
}

/** Every trial has processes of its own, so that none bears the traces of another. */
async function runTrials({ relayCount, start }: Arrangement, directory: string): Promise<readonly Figures[]> {
  const all: Figures[] = [];
  const certificates = Array.from({ length: relayCount }, (_, index) => {
    const own = join(directory, `relay-${index}`);
    mkdirSync(own, { recursive: true });
    return createCertificate(own);
  });
  for (const trial of trials) {
    // With one relay nobody is left who could take over.
    if (relayCount === 1 && (trial === tryFrozen || trial === tryDrain)) continue;
    const group = await start(certificates, RELAY_SETTINGS);
    try {
      all.push(await trial(group));
    } finally {
      await group.stop();
    }
  }
  return all;
}

function gather(into: Map<string, Map<string, number[]>>, arrangement: string, figures: Figures): void {
  for (const [name, value] of Object.entries(figures)) {
    const row = into.get(name) ?? new Map<string, number[]>();
    into.set(name, row);
    row.set(arrangement, [...(row.get(arrangement) ?? []), value]);
  }
}

/** One row per figure, one column per arrangement: the median, and the least and the greatest. */
function toTable(gathered: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>): string {
  const names = chosen.map(({ name }) => name);
  const rows = [...gathered].map(([figure, values]) => [figure, ...names.map((name) => shown(values.get(name)))]);
  return [["", ...names], ["---", ...names.map(() => "---:")], ...rows]
    .map((row) => `| ${row.join(" | ")} |\n`)
    .join("");
}

function shown(values: readonly number[] | undefined): string {
  if (values === undefined) return "";
  const [middle, least, greatest] = [median(values), Math.min(...values), Math.max(...values)].map((value) =>
    value < 100 ? Number(value.toFixed(1)) : Math.round(value),
  );
  return least === greatest ? `${middle}` : `${middle} (${least}-${greatest})`;
}
