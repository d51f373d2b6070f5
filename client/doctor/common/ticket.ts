import type { Finding } from "./finding.ts";
import type { Verdict } from "./verdict.ts";

/** What a text for the help desk is made of. */
export type Case = {
  /** Of the relay: `wss:` or `ws:`, with nothing secret in it. */
  readonly address: string;
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
  /** The proxy that the app goes by, without user and password; undefined where there is none, or nobody knows. */
  readonly proxyUrl: string | undefined;
  /** Who has looked: a program with its version, or a page. */
  readonly seenBy: string;
  readonly at: Date;
};

/** A text for the help desk: what is wrong, what was seen, and what has to be allowed. Nothing in it is secret. @returns its lines. */
export function ticketOf({ address, findings, verdict, proxyUrl, seenBy, at }: Case): readonly string[] {
  const { protocol, hostname, port } = new URL(address);
  const isTls = protocol === "wss:";
  const number = port === "" ? (isTls ? "443" : "80") : port;
  const when = `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const seen = findings
    .filter(({ state }) => state !== "skipped")
    .map(({ check, state, text }) => `${check}: ${state === "failed" ? "FAILED, " : ""}${text}`);
  return [
    `${problemOf(address, verdict)} Seen at ${when} by ${seenBy}: ${seen.join("; ")}.`,
    "",
    "Please allow, for the machines that use the app:",
    `  to       ${hostname}, TCP port ${number}, outgoing alone`,
    `  as       ${isTls ? `TLS with the name ${hostname}` : "HTTP"}, and in it the upgrade to a WebSocket (RFC 6455)`,
    ...(proxyUrl === undefined ? [] : [`  by       the proxy ${proxyUrl}, by CONNECT to this name and port`]),
    "  for      connections that stay open for hours, with a message at least every 25 s",
    "  not      needed: other ports, UDP, connections from outside",
  ];
}

function problemOf(address: string, verdict: Verdict): string {
  if (!verdict.works) {
    const { sentence, cause, remedy } = verdict;
    return `An app cannot connect to ${address}. ${sentence} (cause ${cause}). What would help: ${remedy}.`;
  }
  const { sentence, hindrance } = verdict;
  return `An app connects to ${address}. ${
    hindrance === undefined ? "Everything that was looked at works." : `${sentence} (cause ${hindrance}).`
  }`;
}
