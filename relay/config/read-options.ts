import { isHidden, type Option, rangeOf } from "./option.ts";
import { type Config, type OptionName, optionRows, type Source } from "./options.ts";
import { BOOLEAN_WORDS, parse, quoted, type Value } from "./parse.ts";

/** What the operator said: flags by option name, and the environment. */
export type ConfigInput = {
  readonly flags: Readonly<Partial<Record<OptionName, string>>>;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * What was read: a bad option has no value, and a sentence in `problems`; `whole` is there where all are good. `warnings`: sentences about variables that have no
 * effect.
 */
export type Reading<Name extends OptionName> = {
  readonly config: Partial<Pick<Config, Name>>;
  readonly whole: Pick<Config, Name> | undefined;
  readonly sources: Readonly<Record<Name, Source>>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
};

type Reads = {
  readonly config: Partial<Record<OptionName, Value>>;
  readonly sources: Partial<Record<OptionName, Source>>;
  readonly problems: string[];
  readonly warnings: string[];
};

/**
 * Reads options one by one, and nothing of what they are together: the flag wins over the variable, an empty variable counts
 * as unset.
 * @param names those that are wanted; left out, all.
 */
export function readOptions<Name extends OptionName = OptionName>(
  input: ConfigInput,
  names?: readonly Name[],
): Reading<Name> {
  const reads: Reads = { config: {}, sources: {}, problems: [], warnings: [] };
  const wanted: readonly OptionName[] | undefined = names;
  for (const [name, option] of optionRows()) {
    if (wanted?.includes(name) === false) continue;
    readOption(reads, name, option, input);
    if (name === "tls" && reads.config.tls !== undefined) applyEnableTls(reads, input.env["ENABLE_TLS"]);
  }
  const whole = reads.problems.length === 0 ? reads.config : undefined;
  return { ...reads, whole } as Reading<Name>;
}

function readOption(reads: Reads, name: OptionName, option: Option, { flags, env }: ConfigInput): void {
  const { config, sources, problems, warnings } = reads;
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

/** The variable of the original systems: false is TLS=off; true is any other, and says no more than the default. */
function applyEnableTls({ config, sources, problems }: Reads, variable: string | undefined): void {
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
