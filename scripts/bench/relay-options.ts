import { loadConfig } from "../../relay/config/load.ts";
import { type Config, optionRows } from "../../relay/config/options.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";

/** The relay is measured as it is started everywhere: by `npm start`, by its own first line and in the image. */
export const RELAY_NODE_FLAGS: readonly string[] = ["--max-semi-space-size=1"];

/** Options of the relay that a workload needs; all others are as by default. */
export type RelayOptions = Partial<Config>;

/** The variables that give a relay these options. */
export function environmentOf(options: RelayOptions): Readonly<Record<string, string>> {
  const variables = optionRows().flatMap(([name, { env }]) => {
    const value = options[name];
    return value === undefined ? [] : [[env, String(value)] as const];
  });
  return Object.fromEntries(variables);
}

/** What a relay with these options says at its start that it cannot exceed. */
export function memoryBoundMib(options: RelayOptions): number {
  const { config } = loadConfig({ flags: {}, env: environmentOf(options) });
  return Math.ceil(memoryBoundBytes(config) / 2 ** 20);
}
