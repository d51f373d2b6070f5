import { causeOf } from "../../../client/doctor/common/causes.ts";
import { type FaultRow, faultRows, type QuietRow, quietRows } from "./fault-rows.ts";
import { policyRows } from "./policy-rows.ts";
import { PROMPT_MS, type Row } from "./row.ts";

/** The tables of docs/reach.md, by the marks between which they stand: what the rows say, which the tests hold. */
const tables: Readonly<Record<string, () => string>> = {
  networks: () => table(["network", "it", "the client", "the doctor says"], policyRows.map(policyCells)),
  faults: () =>
    table(["fault", "what happens", "the client"], [...faultRows.map(faultCells), ...quietRows.map(quietCells)]),
};

/** Puts each table into its place in a page. @throws where the page has no such place. */
export function withTables(page: string): string {
  return Object.entries(tables).reduce((text, [name, render]) => {
    const place = new RegExp(`(<!-- ${name}:start -->\n)[\\s\\S]*?(\n<!-- ${name}:end -->)`);
    if (!place.test(text)) throw new Error(`there is no place for the table of ${name}`);
    return text.replace(place, (_all, start: string, end: string) => `${start}${render()}${end}`);
  }, page);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const [first = "", ...others] = [head, ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return [first, `|${"---|".repeat(head.length)}`, ...others].join("\n");
}

function policyCells({ name, network, expected, cause, hindrance, remark }: Row): readonly string[] {
  const within = `within ${seconds(expected.withinMs)}`;
  const outcome = expected.outcome === "passes" ? passing(expected.withinMs) : `says \`${expected.code}\` ${within}`;
  const works = hindrance === undefined ? "it works" : `it works, by ${causeOf(hindrance).detour}: \`${hindrance}\``;
  const verdict = cause === undefined ? works : `\`${cause}\``;
  return [name, network, remark === undefined ? outcome : `${outcome}; ${remark}`, verdict];
}

function passing(withinMs: number): string {
  return withinMs === PROMPT_MS ? "gets through" : `gets through within ${seconds(withinMs)}`;
}

function faultCells({ name, fault, noticedWithinMs, backWithinMs }: FaultRow): readonly string[] {
  const noticed = noticedWithinMs === undefined ? "" : `notices within ${seconds(noticedWithinMs)}, `;
  return [name, fault, `${noticed}is back within ${seconds(backWithinMs)}; loses nothing`];
}

function quietCells({ name, fault, isKept }: QuietRow): readonly string[] {
  return [
    name,
    fault,
    isKept ? "keeps the connection by its pings" : "connects again when there is something to send; loses nothing",
  ];
}

function seconds(durationMs: number): string {
  return `${durationMs / 1000} s`;
}
