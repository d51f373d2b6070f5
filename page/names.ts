import { toTerminalText } from "../client/cli/terminal-text.ts";
import type { Peer } from "../client/index.ts";

/** Letters of a name that are shown. */
const MAX_NAME_LENGTH = 40;
/** Of a message so much is shown: a member may send some MiB, over and over. */
const MAX_TEXT_LENGTH = 4000;
/** Letters of an id that tell two of one name apart. */
const SHOWN_ID_LENGTH = 4;

const decoder = new TextDecoder();

/** What a member calls itself, fit to be shown; "guest" where it says nothing. Anybody may take any name. */
export function nameOf({ presence }: Peer): string {
  const said = presence === undefined ? "" : toName(decoder.decode(presence));
  return said === "" ? "guest" : said;
}

/** The beginning of its id: it has no other member's. */
export function shortIdOf({ id }: Peer): string {
  return toTerminalText(id).slice(0, SHOWN_ID_LENGTH);
}

/** A name as it is shown: on one line, not too long, without what turns or hides text. */
export function toName(text: string): string {
  return Array.from(toTerminalText(text).trim()).slice(0, MAX_NAME_LENGTH).join("");
}

/** A message as it is shown: its lines stay lines, and one that is very long is cut. */
export function toShownText(text: string): string {
  const lines = text.slice(0, MAX_TEXT_LENGTH).split(/\r\n|\r|\n/);
  const shown = lines.map((line) => toTerminalText(line)).join("\n");
  return text.length > MAX_TEXT_LENGTH ? `${shown}…` : shown;
}
