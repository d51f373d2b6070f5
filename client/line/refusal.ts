import type { Refusal } from "./socket.ts";

const MAX_WORD_CHARACTERS = 128;

/** What an HTTP answer to an upgrade says. @property text its status and the beginning of its body, for people. */
export type ReadRefusal = { readonly refusal: Refusal; readonly text: string };

/** What a refused upgrade says. @param header by lower-case name. @param body its beginning, as it came. */
export function refusalOf(status: number, header: (name: string) => string | undefined, body: string): ReadRefusal {
  const word = (name: string): string | undefined => header(name)?.slice(0, MAX_WORD_CHARACTERS) || undefined;
  const retryAfter = Number(header("retry-after"));
  const refusal: Refusal = {
    status,
    word: word("x-refusal"),
    requestId: word("x-request-id"),
    retryAfterMs: retryAfter >= 0 ? retryAfter * 1000 : undefined,
  };
  const parts = [refusal.word, body.replace(/\s+/g, " ").trim()];
  return { refusal, text: `HTTP ${status}${parts.map((part) => (part ? `: ${part}` : "")).join("")}` };
}
