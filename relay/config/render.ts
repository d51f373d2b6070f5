import type { LoadedConfig } from "./load.ts";
import { isHidden, type Option, rangeOf } from "./option.ts";
import { type Config, type OptionName, optionRows } from "./options.ts";

/** The table of docs/configuration.md. A test keeps the page equal to it. */
export function renderOptionsAsMarkdown(): string {
  const rows = optionRows().map(([, option]) => {
    const flag = option.flag === undefined ? "variable only" : `\`${option.flag}\``;
    const standard = isUnset(option.default) ? "" : `\`${String(option.default)}\``;
    return `| ${flag} | \`${option.env}\` | ${standard} | ${rangeOf(option)} | ${option.sentence} |`;
  });
  return ["| flag | variable | default | range | what it does |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** What `--help` says of one option. */
export function describe(option: Option): string {
  const standard = isUnset(option.default) ? "no default" : `default ${String(option.default)}`;
  return `${option.sentence} [${option.env}; ${rangeOf(option)}; ${standard}]`;
}

/** The effective configuration, a line each, with where each value came from. */
export function renderConfig({ config, sources }: LoadedConfig): string {
  const width = Math.max(...optionRows().map(([, { env }]) => env.length));
  return optionRows()
    .map(([name, option]) => `${option.env.padEnd(width)}  ${shown(option, config[name])}  (${sources[name]})`)
    .join("\n");
}

function shown(option: Option, value: Config[OptionName]): string {
  if (isUnset(value)) return "-";
  return isHidden(option) ? "(set)" : String(value);
}

function isUnset(value: Config[OptionName]): boolean {
  return value === "" || (typeof value === "object" && value.length === 0);
}
