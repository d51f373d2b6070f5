import type { IncomingMessage } from "node:http";
import type { Applicant, Asked, Dialect, Opening } from "../session/ports.ts";
import { MAX_HELD_ANSWER_MS } from "./held-answers.ts";
import { isFinal, type Refused } from "./upgrade-refusals.ts";

/** Whose a conversation may be: at least one. */
export type Candidates = readonly [Dialect, ...Dialect[]];

/** Undefined: nobody's. */
export function candidatesOf(dialects: readonly Dialect[]): Candidates | undefined {
  const [first, ...others] = dialects;
  return first === undefined ? undefined : [first, ...others];
}

/** What a request asks for that opens a connection. */
export function openingOf({ url = "", headers }: IncomingMessage, asked: Asked, subprotocol: string): Opening {
  return {
    ...asked,
    subprotocol,
    query: url.split("?").slice(1).join("?"),
    authorization: headers.authorization ?? "",
  };
}

/** What the first dialect that knows one of them chooses. */
export function choiceOf(
  claiming: readonly Dialect[],
  offered: ReadonlySet<string>,
): { readonly dialect: Dialect; readonly subprotocol: string } | undefined {
  for (const dialect of claiming) {
    const subprotocol = dialect.chooseSubprotocol(offered);
    if (subprotocol !== undefined) return { dialect, subprotocol };
  }
  return undefined;
}

/** Until it is known which of them it is, a message may be as large as the most generous of them takes. */
export function maxMessageBytesOf(candidates: Candidates, maxFrameBytes: number): number {
  const bounds = candidates.map(({ maxMessageBytes = maxFrameBytes }) => maxMessageBytes);
  return Math.min(maxFrameBytes, Math.max(...bounds));
}

/** How long the answer to who is refused is held back. */
export function heldBackMs({ visit }: Applicant, refused: Refused): number {
  if (refused.refused === "returning") return MAX_HELD_ANSWER_MS;
  return isFinal(refused) ? visit.refused() : 0;
}
