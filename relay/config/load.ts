import { RelayError } from "../relay-error.ts";
import { contradictions } from "./contradictions.ts";
import { isHidden, type Option, rangeOf } from "./option.ts";
import { type Config, type OptionName, optionRows, type Source } from "./options.ts";
import { BOOLEAN_WORDS, parse, type Value } from "./parse.ts";

/** What the operator said: flags by option name, and the environment. */
export type ConfigInput = {
  readonly flags: Readonly<Partial<Record<OptionName, string>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** The configuration, and where each value came from. */
export type LoadedConfig = { readonly config: Config; readonly sources: Readonly<Record<OptionName, Source>> };

/**
 * Reads every option: the flag wins over the variable, an empty variable counts as unset.
 * @throws RelayError CONFIG_INVALID, naming every bad option with its value, its range and where it was set.
 */
export function loadConfig({ flags, env }: ConfigInput): LoadedConfig {
  const config: Partial<Record<OptionName, Value>> = {};
  const sources: Partial<Record<OptionName, Source>> = {};
  const problems: string[] = [];
  for (const [name, option] of optionRows()) {
    const { text, source } = textOf(flags[name], env[variableOf(option, env)]);
    const value = text === undefined ? option.default : parse(option, text);
    if (value === undefined) problems.push(problem(option, placeOf(option, source, env), text ?? ""));
    else config[name] = value;
    sources[name] = source;
    if (name === "tls" && value !== undefined) problems.push(...applyEnableTls(config, sources, env["ENABLE_TLS"]));
  }
  if (problems.length === 0) problems.push(...contradictions(config as Config));
  if (problems.length > 0) throw new RelayError("CONFIG_INVALID", problems.join("\n"));
  return { config: config as Config, sources: sources as Record<OptionName, Source> };
}

/** The variable of the original systems: false is TLS=off; true is any other, and says no more than the default. */
function applyEnableTls(
  config: Partial<Record<OptionName, Value>>,
  sources: Partial<Record<OptionName, Source>>,
  variable: string | undefined,
): readonly string[] {
  const text = variable?.trim();
  if (!text) return [];
  const isEnabled = BOOLEAN_WORDS.get(text.toLowerCase());
  if (isEnabled === undefined) return [`variable ENABLE_TLS is ${quoted(text)}; it takes true or false`];
  if (sources.tls !== "default") {
    if (isEnabled === (config.tls !== "off")) return [];
    return [`ENABLE_TLS is ${text}, and TLS or --tls is ${String(config.tls)}; leave ENABLE_TLS out`];
  }
  if (!isEnabled) Object.assign(config, { tls: "off" });
  Object.assign(sources, { tls: "variable" });
  return [];
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

function problem(option: Option, from: string, text: string): string {
  // A secret that is mistyped is a secret still.
  if (isHidden(option)) return `${from} is not what it takes: ${rangeOf(option)}`;
  return `${from} is ${quoted(text)}; it takes ${rangeOf(option)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
