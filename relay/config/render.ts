import type { LoadedConfig } from "./load.ts";
import { type Option, optionRows, rangeOf } from "./options.ts";

/** The table of docs/configuration.md. A test keeps the page equal to it. */
export function renderOptionsAsMarkdown(): string {
  const rows = optionRows().map(
    ([, option]) =>
      `| \`${option.flag}\` | \`${option.env}\` | \`${option.default}\` | ${rangeOf(option)} | ${option.sentence} |`,
  );
  return ["| flag | variable | default | range | what it does |", "|---|---|---|---|---|", ...rows].join("\n");
}

/** What `--help` says of one option. */
export function describe(option: Option): string {
  return `${option.sentence} [${option.env}; ${rangeOf(option)}; default ${option.default}]`;
}

/** The effective configuration, a line each, with where each value came from. */
export function renderConfig({ config, sources }: LoadedConfig): string {
  const width = Math.max(...optionRows().map(([, { env }]) => env.length));
  return optionRows()
    .map(([name, option]) => `${option.env.padEnd(width)}  ${config[name]}  (${sources[name]})`)
    .join("\n");
}
