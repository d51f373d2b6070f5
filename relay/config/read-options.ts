import { readListener } from "./listener-text.ts";
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
    if (name === "listen") applyStatsPort(reads, input.env["STATS_PORT"]);
  }
  const whole = reads.problems.length === 0 ? reads.config : undefined;
  return { ...reads, whole } as Reading<Name>;
}

function readOption(reads: Reads, name: OptionName, option: Option, { flags, env }: ConfigInput): void {
  const { config, sources, problems, warnings } = reads;
  const variable = variableOf(option, env, config);
  const { text, source } = textOf(flags[name], env[variable]);
  sources[name] = source;
  const parsed = text === undefined ? { value: option.default } : parse(option, text);
  if ("value" in parsed) {
    config[name] = parsed.value;
    return;
  }
  const sentence = problem(
    option,
    source === "flag" ? `flag ${option.flag}` : `variable ${variable}`,
    text ?? "",
    parsed.reason,
  );
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

/** The variable of the original agent relay, for its pages: a further port, where no other dialect is spoken. */
function applyStatsPort({ config, sources, problems }: Reads, variable: string | undefined): void {
  const text = variable?.trim();
  if (!text || !speaksOnly(config, "agent") || sources.listen !== "default") return;
  const listener = `${config.tls === "off" ? "ws" : "wss"}:${text}=agent`;
  if (readListener(listener) === undefined) {
    problems.push(`variable STATS_PORT is ${quoted(text)}; it takes 1 to 65535`);
    return;
  }
  config.listen = [listener];
  sources.listen = "variable";
}

/** The variable that counts: the original's where the option's own is not set. An empty one counts as unset here too. */
function variableOf(option: Option, env: ConfigInput["env"], config: Reads["config"]): string {
  const { env: name, originalEnv, originalDialect } = option;
  if (env[name]?.trim() || originalEnv === undefined) return name;
  const owner = optionRows().find(
    ([, row]) =>
      row.originalEnv === originalEnv && row.originalDialect !== undefined && speaksOnly(config, row.originalDialect),
  );
  // Where one dialect is alone, its original's variables mean what they meant there, and nothing else.
  const isOwn = owner === undefined ? originalDialect === undefined : owner[1] === option;
  return isOwn ? originalEnv : name;
}

function speaksOnly({ dialects }: Reads["config"], name: string): boolean {
  return Array.isArray(dialects) && dialects.length === 1 && dialects[0] === name;
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
