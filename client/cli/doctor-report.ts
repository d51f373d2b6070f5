import type { Diagnosis, Verdict } from "../doctor/diagnosis.ts";
import type { Finding } from "../doctor/finding.ts";
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

/** A text for the help desk: what is wrong, what was seen, and what has to be allowed. Nothing in it is secret. */
export function ticketOf({ address, proxy, findings, verdict }: Diagnosis, at: Date): readonly string[] {
  const { protocol, hostname, port } = new URL(address);
  const isTls = protocol === "wss:";
  const number = port === "" ? (isTls ? "443" : "80") : port;
  const when = `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const seen = findings
    .filter(({ state }) => state !== "skipped")
    .map(({ check, state, text }) => `${check}: ${state === "failed" ? "FAILED, " : ""}${text}`);
  const problem = verdict.works
    ? `An app connects to ${address}. ${
        verdict.hindrance === undefined
          ? "Everything that was looked at works."
          : `${verdict.sentence} (cause ${verdict.hindrance}).`
      }`
    : `An app cannot connect to ${address}. ${verdict.sentence} (cause ${verdict.cause}). What would help: ${verdict.remedy}.`;
  return [
    `${problem} Seen at ${when} by postern-client doctor ${VERSION}: ${seen.join("; ")}.`,
    "",
    "Please allow, for the machines that use the app:",
    `  to       ${hostname}, TCP port ${number}, outgoing alone`,
    `  as       ${isTls ? `TLS with the name ${hostname}` : "HTTP"}, and in it the upgrade to a WebSocket (RFC 6455)`,
    ...(proxy === undefined || proxy.noProxyEntry !== undefined
      ? []
      : [`  by       the proxy ${proxy.url}, by CONNECT to this name and port`]),
    "  for      connections that stay open for hours, with a message at least every 25 s",
    "  not      needed: other ports, UDP, connections from outside",
  ];
}
