/**
 * What a stranger's text must not do to a terminal: move the cursor, change colours or the title, turn the direction of what
 * follows, begin a line, or hide. Those are the control and format characters, the separators of lines and paragraphs, halves
 * of surrogate pairs, and all that are shown as nothing.
 */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Asks for the coloured form of the character before it. Without it the character stays, in its plain form. */
const EMOJI_STYLE = /(?<=\p{Extended_Pictographic})\uFE0F/gu;

/**
 * Text for a terminal, on one line: white space and ends of lines become a space, everything else that is harmful becomes
 * U+FFFD, so that it is seen that something was there.
 */
export function toTerminalText(text: string): string {
  return text
    .replace(EMOJI_STYLE, "")
    .replace(/\r\n|[\t-\r\u0085\u2028\u2029]/g, " ")
    .replace(HARMFUL, "\uFFFD");
}

/** JSON on one line in which whatever is harmful to a terminal is written as an escape: for programs, the same value. */
export function toTerminalJson(value: unknown): string {
  return JSON.stringify(value).replace(HARMFUL, (character) =>
    // By UTF-16 units, as RFC 8259 section 7 wants it.
    Array.from({ length: character.length }, (_, at) => escapeOf(character.charCodeAt(at))).join(""),
  );
}

function escapeOf(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
