import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";

/** Variables that are read beside the table. */
const BESIDE_THE_TABLE: ReadonlySet<string> = new Set(["ENABLE_TLS", "NODE_OPTIONS"]);

/**
 * What is wrong with the variables that a file gives to the relay: names that it does not know, values that it refuses,
 * and pairs that do not go together. Nothing where they are right.
 */
export function problemsOf(variables: Readonly<Record<string, string>>): readonly string[] {
  const known = new Set(optionRows().map(([, { env }]) => env));
  const unknown = Object.keys(variables).filter((name) => !known.has(name) && !BESIDE_THE_TABLE.has(name));
  if (unknown.length > 0) return unknown.map((name) => `${name} is no option`);
  try {
    loadConfig({ flags: {}, env: variables });
    return [];
  } catch (error) {
    return [String(error)];
  }
}

/** The variables of `NAME=value` lines, also of those that are commented out as `#NAME=value`. */
export function variablesOf(lines: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...lines.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}
