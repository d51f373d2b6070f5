import { RelayError } from "../relay-error.ts";
import { type Config, type Option, type OptionName, optionRows, rangeOf, type Source } from "./options.ts";

/** What the operator said: flags by option name, and the environment. */
export type ConfigInput = {
  readonly flags: Readonly<Partial<Record<OptionName, string>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** The configuration, and where each value came from. */
export type LoadedConfig = { readonly config: Config; readonly sources: Readonly<Record<OptionName, Source>> };

type Value = string | number | boolean;

/** Words that mean true and false, as other programs take them. */
const BOOLEAN_WORDS = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

/** A host name or address: no spaces, no brackets, no port with it. */
const HOST = /^(?=.{1,253}$)([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?)$/;

/**
 * Reads every option: the flag wins over the variable, an empty variable counts as unset.
 * @throws RelayError CONFIG_INVALID, naming every bad option with its value, its range and where it was set.
 */
export function loadConfig({ flags, env }: ConfigInput): LoadedConfig {
  const config: Partial<Record<OptionName, Value>> = {};
  const sources: Partial<Record<OptionName, Source>> = {};
  const problems: string[] = [];
  for (const [name, option] of optionRows()) {
    const { text, source } = textOf(flags[name], env[option.env]);
    const value = text === undefined ? option.default : parse(option, text);
    if (value === undefined) problems.push(problem(option, source, text ?? ""));
    else config[name] = value;
    sources[name] = source;
  }
  if (problems.length === 0) problems.push(...contradictions(config as Config));
  if (problems.length > 0) throw new RelayError("CONFIG_INVALID", problems.join("\n"));
  return { config: config as Config, sources: sources as Record<OptionName, Source> };
}

/** What each option allows alone, but not together. */
function contradictions({ outboxHighWaterBytes, maxOutboxBytes }: Config): readonly string[] {
  if (outboxHighWaterBytes <= maxOutboxBytes) return [];
  return [`OUTBOX_HIGH_WATER_BYTES is ${outboxHighWaterBytes}, above MAX_OUTBOX_BYTES, which is ${maxOutboxBytes}`];
}

function textOf(
  flag: string | undefined,
  variable: string | undefined,
): { readonly text: string | undefined; readonly source: Source } {
  if (flag !== undefined) return { text: flag.trim(), source: "flag" };
  const text = variable?.trim();
  return text ? { text, source: "variable" } : { text: undefined, source: "default" };
}

/** @returns the value, or undefined where the text is none of the option's. */
function parse(option: Option, text: string): Value | undefined {
  switch (option.kind) {
    case "integer": {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= option.min && value <= option.max ? value : undefined;
    }
    case "boolean":
      return BOOLEAN_WORDS.get(text.toLowerCase());
    case "choice":
      return option.choices.find((choice) => choice === text.toLowerCase());
    case "host":
      return HOST.test(text) ? text : undefined;
  }
}

function problem(option: Option, source: Source, text: string): string {
  const from = source === "flag" ? `flag ${option.flag}` : `variable ${option.env}`;
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
  return `${from} is ${shown}; it takes ${rangeOf(option)}`;
}
