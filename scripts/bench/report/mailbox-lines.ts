import { COMMIT_PER_MESSAGE, JETSTREAM } from "../contestants.ts";
import { QUIET_STORE_ID } from "../mailbox-workloads.ts";
import { whole } from "./numbers.ts";
import type { Cell } from "./results.ts";

const RELAY = "postern mailbox";

/** What is said of the workloads about mailboxes below the table: rates beside those of others, and a busy topic beside a quiet store. */
export function mailboxLines(cells: readonly Cell[]): readonly string[] {
  const lines = [...rateLines(cells), ...besideLines(cells)];
  return lines.flatMap((line) => [line, ""]);
}

function rateLines(cells: readonly Cell[]): readonly string[] {
  const rateOf = (name: string): number | undefined =>
    cells.find(({ workload, contestant }) => workload === "M1" && contestant === name)?.perSecond;
  const own = rateOf(RELAY);
  if (own === undefined) return [];
  const comparisons = [COMMIT_PER_MESSAGE, JETSTREAM].flatMap((name) => {
    const other = rateOf(name);
    return other === undefined ? [] : [`${(own / other).toFixed(1)} times the rate of ${name}`];
  });
  return [`M1: ${whole(own)} deposits/s${comparisons.map((text) => `, ${text}`).join("")}.`];
}

function besideLines(cells: readonly Cell[]): readonly string[] {
  const quiet = new Map(
    cells.filter(({ workload }) => workload === QUIET_STORE_ID).map(({ contestant, p99Ms }) => [contestant, p99Ms]),
  );
  return cells
    .filter(({ workload }) => workload === "M4 deposits")
    .flatMap(({ contestant, p99Ms }) => {
      const before = quiet.get(contestant);
      if (p99Ms === undefined || before === undefined) return [];
      return [`M4, ${contestant}: while deposits are stored p99 is ${(p99Ms / before).toFixed(2)} times that without.`];
    });
}
