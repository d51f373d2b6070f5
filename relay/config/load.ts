import { RelayError } from "../relay-error.ts";
import { contradictions } from "./contradictions.ts";
import { namedDialects } from "./listener-text.ts";
import { nearMisses } from "./near-misses.ts";
import { type Config, type OptionName, optionRows, type Source } from "./options.ts";
import { quoted } from "./parse.ts";
import { type ConfigInput, readOptions } from "./read-options.ts";
import { readVauchiVariables, vauchiVariables } from "./vauchi-variables.ts";

/**
 * The configuration, and where each value came from. `warnings`: sentences about variables that have no effect, and were
 * probably meant to.
 */
export type LoadedConfig = {
  readonly config: Config;
  readonly sources: Readonly<Record<OptionName, Source>>;
  readonly warnings: readonly string[];
};

/**
 * Reads every option, and what they are together.
 * @throws RelayError CONFIG_INVALID, naming every bad option with its value, its range and where it was set, everything
 * that does not go together, and the variables that are almost options.
 */
export function loadConfig(given: ConfigInput): LoadedConfig {
  const original = isMailboxRelay(given) ? readVauchiVariables(given.env) : { env: {}, problems: [] };
  const input = { ...given, env: { ...given.env, ...original.env } };
  const { whole, sources, ...found } = readOptions(input);
  // What could not be read is named already, and complained about once.
  const problems = [...original.problems, ...found.problems, ...contradictions(found.config)];
  const warnings = [...found.warnings, ...nearMissSentences(given.env)];
  if (whole !== undefined && problems.length === 0) return { config: whole, sources, warnings };
  throw new RelayError("CONFIG_INVALID", [...problems, ...warnings].join("\n"));
}

/** Where dialects are named. */
const PLACES_OF_DIALECTS = ["dialects", "listen", "virtualHosts"] as const;

/** Whether the relay speaks the mailbox dialect: then the variables of the original of that are its own. */
function isMailboxRelay(input: ConfigInput): boolean {
  const { dialects = [], listen = [], virtualHosts = [] } = readOptions(input, PLACES_OF_DIALECTS).config;
  return namedDialects({ dialects, listen, virtualHosts }).includes("mailbox");
}

/** The names of the variables that are read. */
function knownVariables(): readonly string[] {
  const rows = optionRows().map(([, option]) => option);
  return [
    ...rows.map(({ env }) => env),
    ...rows.flatMap(({ originalEnv }) => originalEnv ?? []),
    "ENABLE_TLS",
    "STATS_PORT",
    ...vauchiVariables,
  ];
}

function nearMissSentences(env: ConfigInput["env"]): readonly string[] {
  const set = Object.keys(env).filter((name) => env[name]?.trim());
  return nearMisses(set, knownVariables()).map(
    ({ variable, meant }) => `variable ${quoted(variable)} is no option: did you mean ${meant}?`,
  );
}
