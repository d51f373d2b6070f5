import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";

/** Variables that are read beside the table. */
const BESIDE_THE_TABLE: ReadonlySet<string> = new Set(["ENABLE_TLS"]);

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

/**
 * Why options may be too much for a machine: the relay's own bound does not leave a tenth of its memory free, or no newcomer
 * is refused at 60 to 80 % of it. Nothing where they fit.
 */
export function memoryProblemsOf(variables: Readonly<Record<string, string>>, memoryBytes: number): readonly string[] {
  const { config } = loadConfig({ flags: {}, env: variables });
  const [bound, refusal] = [memoryBoundBytes(config), config.maxRssBytes].map((bytes) => bytes / memoryBytes);
  return [
    ...(bound !== undefined && bound > 0.9 ? [`the bound is ${bound} of the memory`] : []),
    ...(refusal !== undefined && (refusal < 0.6 || refusal > 0.8) ? [`MAX_RSS_BYTES is ${refusal} of the memory`] : []),
  ];
}

/** Bytes of `1gb`, `1g` or `1Gi`, which all mean 1024 to the third. */
export function bytesOf(size: string): number {
  const [, count, unit = ""] = /^(\d+)(m|g)(?:b|i)?$/i.exec(size) ?? [];
  if (count === undefined) throw new Error(`${size} is no size of memory`);
  return Number(count) * (unit.toLowerCase() === "g" ? 1024 ** 3 : 1024 ** 2);
}

/** The variables of `NAME=value` lines, also of those that are commented out as `#NAME=value`. */
export function variablesOf(lines: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...lines.matchAll(/^#?([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}
