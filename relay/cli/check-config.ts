import { namedDialects } from "../config/listener-text.ts";
import type { LoadedConfig } from "../config/load.ts";
import { renderConfig } from "../config/render.ts";
import { checkDialects } from "../dialects/all.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/**
 * Prints every option with its value and where it came from, and what looks like a slip. A bad value has ended the command
 * before this.
 * @throws RelayError where a name is no dialect's.
 */
export function checkConfig(loaded: LoadedConfig, { stdout, stderr }: Terminal): ExitCode {
  checkDialects(namedDialects(loaded.config));
  for (const warning of loaded.warnings) stderr.write(`postern: ${warning}\n`);
  stdout.write(`${renderConfig(loaded)}\n`);
  return ExitCode.success;
}
