import { RelayError } from "../relay-error.ts";
import { contradictions } from "./contradictions.ts";
import { nearMisses } from "./near-misses.ts";
import { type Config, type OptionName, optionRows, type Source } from "./options.ts";
import { quoted } from "./parse.ts";
import { type ConfigInput, readOptions } from "./read-options.ts";

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
export function loadConfig(input: ConfigInput): LoadedConfig {
  const { whole, sources, ...found } = readOptions(input);
  // What could not be read is named already, and complained about once.
  const problems = [...found.problems, ...contradictions(found.config)];
  const warnings = [...found.warnings, ...nearMissSentences(input.env)];
  if (whole !== undefined && problems.length === 0) return { config: whole, sources, warnings };
  throw new RelayError("CONFIG_INVALID", [...problems, ...warnings].join("\n"));
}

/** The names of the variables that are read. */
function knownVariables(): readonly string[] {
  const rows = optionRows().map(([, option]) => option);
  return [
    ...rows.map(({ env }) => env),
    ...rows.flatMap(({ originalEnv }) => originalEnv ?? []),
    "ENABLE_TLS",
    "STATS_PORT",
  ];
}

function nearMissSentences(env: ConfigInput["env"]): readonly string[] {
  const set = Object.keys(env).filter((name) => env[name]?.trim());
  return nearMisses(set, knownVariables()).map(
    ({ variable, meant }) => `variable ${quoted(variable)} is no option: did you mean ${meant}?`,
  );
}
