import { RelayError } from "../relay-error.ts";
import { contradictions } from "./contradictions.ts";
import { nearMisses } from "./near-misses.ts";
import { isHidden, type Option, rangeOf } from "./option.ts";
import { type Config, type OptionName, optionRows, type Source } from "./options.ts";
import { BOOLEAN_WORDS, parse, quoted, type Value } from "./parse.ts";

/** What the operator said: flags by option name, and the environment. */
export type ConfigInput = {
  readonly flags: Readonly<Partial<Record<OptionName, string>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * The configuration, and where each value came from. `warnings`: sentences about variables that have no effect, and were
 * probably meant to.
 */
export type LoadedConfig = {
  readonly config: Config;
  readonly sources: Readonly<Record<OptionName, Source>>;
  readonly warnings: readonly string[];
};

type Reading = {
  readonly config: Partial<Record<OptionName, Value>>;
  readonly sources: Partial<Record<OptionName, Source>>;
  readonly problems: string[];
  readonly warnings: string[];
};

/**
 * Reads every option: the flag wins over the variable, an empty variable counts as unset.
 * @throws RelayError CONFIG_INVALID, naming every bad option with its value, its range and where it was set, everything
 * that does not go together, and the variables that are almost options.
 */
export function loadConfig({ flags, env }: ConfigInput): LoadedConfig {
  const reading: Reading = { config: {}, sources: {}, problems: [], warnings: [] };
  for (const [name, option] of optionRows()) {
    readOption(reading, name, option, { flags, env });
    if (name === "tls" && reading.config.tls !== undefined) applyEnableTls(reading, env["ENABLE_TLS"]);
  }
  const { config, sources, problems } = reading;
  // What could not be read is named already, and complained about once.
  problems.push(...contradictions(config as Partial<Config>));
  const warnings = [...reading.warnings, ...nearMissSentences(env)];
  if (problems.length > 0) throw new RelayError("CONFIG_INVALID", [...problems, ...warnings].join("\n"));
  return { config: config as Config, sources: sources as Record<OptionName, Source>, warnings };
}

function readOption(reading: Reading, name: OptionName, option: Option, { flags, env }: ConfigInput): void {
  const { config, sources, problems, warnings } = reading;
  const { text, source } = textOf(flags[name], env[variableOf(option, env)]);
  sources[name] = source;
  const parsed = text === undefined ? { value: option.default } : parse(option, text);
  if ("value" in parsed) {
    config[name] = parsed.value;
    return;
  }
  const sentence = problem(option, placeOf(option, source, env), text ?? "", parsed.reason);
  if (source === "variable" && config.tls !== undefined && option.usedWith?.includes(String(config.tls)) === false) {
    config[name] = option.default;
    sources[name] = "default";
    warnings.push(`${sentence}. It is ignored: TLS is ${String(config.tls)}`);
  } else problems.push(sentence);
}

/** The names of the variables that are read. */
function knownVariables(): readonly string[] {
  const rows = optionRows().map(([, option]) => option);
  return [...rows.map(({ env }) => env), ...rows.flatMap(({ originalEnv }) => originalEnv ?? []), "ENABLE_TLS"];
}

function nearMissSentences(env: ConfigInput["env"]): readonly string[] {
  const set = Object.keys(env).filter((name) => env[name]?.trim());
  return nearMisses(set, knownVariables()).map(
    ({ variable, meant }) => `variable ${quoted(variable)} is no option: did you mean ${meant}?`,
  );
}

/** The variable of the original systems: false is TLS=off; true is any other, and says no more than the default. */
function applyEnableTls({ config, sources, problems }: Reading, variable: string | undefined): void {
  const text = variable?.trim();
  if (!text) return;
  const isEnabled = BOOLEAN_WORDS.get(text.toLowerCase());
  if (isEnabled === undefined) {
    problems.push(`variable ENABLE_TLS is ${quoted(text)}; it takes true or false`);
  } else if (sources.tls === "default") {
    if (!isEnabled) config.tls = "off";
    sources.tls = "variable";
  } else if (isEnabled !== (config.tls !== "off")) {
    problems.push(`ENABLE_TLS is ${text}, and TLS or --tls is ${String(config.tls)}; leave ENABLE_TLS out`);
  }
}

/** The variable that counts: the original's where the option's own is not set. An empty one counts as unset here too. */
function variableOf({ env: name, originalEnv }: Option, env: ConfigInput["env"]): string {
  return env[name]?.trim() || originalEnv === undefined ? name : originalEnv;
}

function placeOf(option: Option, source: Source, env: ConfigInput["env"]): string {
  return source === "flag" ? `flag ${option.flag}` : `variable ${variableOf(option, env)}`;
}

function textOf(
  flag: string | undefined,
  variable: string | undefined,
): { readonly text: string | undefined; readonly source: Source } {
  if (flag !== undefined) return { text: flag.trim(), source: "flag" };
  const text = variable?.trim();
  return text ? { text, source: "variable" } : { text: undefined, source: "default" };
}

function problem(option: Option, from: string, text: string, reason: string | undefined): string {
  // A secret that is mistyped is a secret still.
  const is = isHidden(option) ? "is not what it takes:" : `is ${quoted(text)}; it takes`;
  return `${from} ${is} ${rangeOf(option)}${reason === undefined ? "" : `: ${reason}`}`;
}
