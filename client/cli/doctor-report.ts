import type { Finding } from "../doctor/common/finding.ts";
import { ticketOf } from "../doctor/common/ticket.ts";
import type { Verdict } from "../doctor/common/verdict.ts";
import type { Diagnosis } from "../doctor/diagnosis.ts";
import { VERSION } from "../version.ts";

const MARKS = { ok: "ok", failed: "FAILED", warned: "note", skipped: "-" } as const satisfies Record<
  Finding["state"],
  string
>;

/** One line of the checklist. What others have said is in it as it came. */
export function lineOf({ check, state, text }: Finding): string {
  return `${MARKS[state].padEnd(8)}${check.padEnd(14)}${text}`;
}

/** The verdict, what to do, and who can. */
export function verdictLines(verdict: Verdict, program: string): readonly string[] {
  if (verdict.works) {
    const { sentence, hindrance } = verdict;
    return [`${sentence}.${hindrance === undefined ? "" : ` (${hindrance})`}`];
  }
  const { sentence, cause, remedy, who, toSettle } = verdict;
  return [
    `${sentence}. (${cause})`,
    `What to do: ${remedy}.`,
    `Who can: ${who}.`,
    ...(toSettle === undefined ? [] : [`To be sure: ${toSettle}`]),
    ...(who === "you"
      ? []
      : [`For the help desk: ${program} doctor --ticket, with the same address, writes a text to hand on.`]),
  ];
}

/** The text for the help desk, as this program has found it. */
export function ticketFor({ address, proxy, findings, verdict }: Diagnosis, at: Date): readonly string[] {
  const proxyUrl = proxy?.noProxyEntry === undefined ? proxy?.url : undefined;
  return ticketOf({ address, findings, verdict, proxyUrl, seenBy: `postern-client doctor ${VERSION}`, at });
}
