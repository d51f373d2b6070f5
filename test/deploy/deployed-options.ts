import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";

/** Options that files in infra/ name ahead of the relay's table. As soon as the table has one of them, it has to have all. */
const PENDING: ReadonlySet<string> = new Set([
  "TRUSTED_PROXIES",
  "ADMIN_PORT",
  "ADMIN_HOST",
  "ADMIN_TOKEN",
  "ACCESS_LOG",
]);

/** Variables that are read beside the table. */
const BESIDE_THE_TABLE: ReadonlySet<string> = new Set(["ENABLE_TLS", "NODE_OPTIONS"]);

/**
 * What is wrong with the variables that a file gives to the relay: names that it does not know, values that it refuses,
 * and pairs that do not go together. Nothing where they are right.
 */
export function problemsOf(variables: Readonly<Record<string, string>>): readonly string[] {
  const known = new Set(optionRows().map(([, { env }]) => env));
  const isPendingKnown = [...PENDING].some((name) => known.has(name));
  const unknown = Object.keys(variables).filter(
    (name) => !known.has(name) && !BESIDE_THE_TABLE.has(name) && (isPendingKnown || !PENDING.has(name)),
  );
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
