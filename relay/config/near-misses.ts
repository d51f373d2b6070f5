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
  return names.flatMap((variable) => {
    if (isKnown.has(variable)) return [];
    const meant = known.find((name) => isSameName(variable, name)) ?? known.find((name) => isSlip(variable, name));
    return meant === undefined ? [] : [{ variable, meant }];
  });
}

/** Whether they differ in capitals, in what parts the words, or in a prefix alone. */
function isSameName(variable: string, name: string): boolean {
  if (name.length < LONG_NAME) return false;
  const upper = variable.toUpperCase();
  return lettersOf(upper) === lettersOf(name) || lettersOf(upper.replace(PREFIX, "")) === lettersOf(name);
}

function lettersOf(name: string): string {
  return name.replace(/[^A-Z0-9]/g, "");
}

function isSlip(variable: string, name: string): boolean {
  if (name.length <= SHORT_NAME) return variable.length === name.length && isSwap(variable, name);
  // Systemd's CACHE_DIRECTORY is two letters from ACME_DIRECTORY: who slips twice still has the first letter right.
  const slips = name.length > LONG_NAME && variable[0] === name[0] ? 2 : 1;
  return Math.abs(variable.length - name.length) <= slips && distance(variable, name) <= slips;
}

/** Whether two neighbours changed places, and nothing else differs. */
function isSwap(variable: string, name: string): boolean {
  const at = [...name].findIndex((letter, index) => letter !== variable[index]);
  const swapped = `${name.slice(0, at)}${name[at + 1] ?? ""}${name[at] ?? ""}${name.slice(at + 2)}`;
  return at >= 0 && variable === swapped;
}

/** How many letters have to be added, left out, changed or swapped with their neighbour to make one of the other. */
function distance(from: string, to: string): number {
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
  }
  return at(last, to.length);
}

function at(costs: readonly number[], index: number): number {
  return costs[index] ?? Number.POSITIVE_INFINITY;
}
