/** A variable that is no option, and the option that was probably meant. */
export type NearMiss = { readonly variable: string; readonly meant: string };

/** From this length on, a name is looked at without its underscores, capitals and prefix. */
const LONG_NAME = 8;
/** Names of up to this length are like many others: two letters that changed places are all that counts as a slip. */
const SHORT_NAME = 5;
/** What people put before the names of a program's variables. */
const PREFIX = /^(POSTERN|RELAY)_/;

/**
 * Finds the variables whose names are almost those of options: `MAX_CONECTIONS`, `POSTERN_LOG_LEVEL`, `max_frame_bytes`.
 * An environment is full of names of others, so a short one has to be closer than a long one.
 * @param names of the variables that are set.
 * @param known the names that are read.
 */
export function nearMisses(names: readonly string[], known: readonly string[]): readonly NearMiss[] {
  const isKnown = new Set(known);
  const byLetters = new Map(known.filter((name) => name.length >= LONG_NAME).map((name) => [lettersOf(name), name]));
  return names.flatMap((variable) => {
    if (isKnown.has(variable)) return [];
    const upper = variable.toUpperCase();
    const meant =
      byLetters.get(lettersOf(upper)) ??
      byLetters.get(lettersOf(upper.replace(PREFIX, ""))) ??
      known.find((name) => isSlip(variable, name));
    return meant === undefined ? [] : [{ variable, meant }];
  });
}

/** What is left of a name without what parts its words. */
function lettersOf(name: string): string {
  return name.replace(/[^A-Z0-9]/g, "");
}

function isSlip(variable: string, name: string): boolean {
  if (Math.abs(variable.length - name.length) > 2) return false;
  const slip = slipOf(variable, name);
  if (name.length <= SHORT_NAME) return slip === "swap";
  if (slip !== undefined) return true;
  // Systemd's CACHE_DIRECTORY is two letters from ACME_DIRECTORY: who slips twice still has the first letter right.
  return name.length > LONG_NAME && variable[0] === name[0] && distance(variable, name, 2) <= 2;
}

/** The one slip that makes one of the other; undefined where it takes more. */
function slipOf(variable: string, name: string): "swap" | "letter" | undefined {
  const shorter = Math.min(variable.length, name.length);
  let start = 0;
  while (start < shorter && variable[start] === name[start]) start += 1;
  let end = 0;
  while (end < shorter - start && variable[variable.length - 1 - end] === name[name.length - 1 - end]) end += 1;
  const [left, right] = [variable.length - end - start, name.length - end - start];
  if (left <= 1 && right <= 1) return "letter";
  const isSwapped = variable[start] === name[start + 1] && variable[start + 1] === name[start];
  return left === 2 && right === 2 && isSwapped ? "swap" : undefined;
}

/** How many letters have to be added, left out, changed or swapped with their neighbour to make one of the other; infinite beyond `most`. */
function distance(from: string, to: string, most: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[row - 1] === to[column - 1];
      const edited = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (isSame ? 0 : 1),
      );
      const isSwapped = row > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(isSwapped ? Math.min(edited, at(beforeLast, column - 2) + 1) : edited);
    }
    beforeLast = last;
    last = current;
    // No way to the end leads past both rows.
    if (Math.min(...beforeLast, ...last) > most) return Number.POSITIVE_INFINITY;
  }
  return at(last, to.length);
}

function at(costs: readonly number[], index: number): number {
  return costs[index] ?? Number.POSITIVE_INFINITY;
}
