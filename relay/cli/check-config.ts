import { namedDialects } from "../config/listener-text.ts";
import type { LoadedConfig } from "../config/load.ts";
import { renderConfig } from "../config/render.ts";
import { checkDialects } from "../dialects/all.ts";
import { machineMemoryBytes } from "../limits/machine-memory.ts";
import { ownKeyText } from "../tls/create-attester.ts";
import { memoryAdvice } from "./memory-advice.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/**
 * Prints every option with its value and where it came from; and for people what looks like a slip, the public half of the
 * relay's own key, and how much memory clients could take. A bad value has ended the command before this.
 * @throws RelayError where a name is no dialect's, or the file of the key cannot be used.
 */
export async function checkConfig(loaded: LoadedConfig, { stdout, stderr }: Terminal): Promise<ExitCode> {
  checkDialects(namedDialects(loaded.config));
  for (const warning of loaded.warnings) stderr.write(`postern: ${warning}\n`);
  stdout.write(`${renderConfig(loaded)}\n`);
  stderr.write(`postern: ${memoryAdvice(loaded.config, machineMemoryBytes())}\n`);
  const keyText = await ownKeyText(loaded.config);
  if (keyText !== undefined) stderr.write(`postern: the relay's own key: ${keyText}\n`);
  return ExitCode.success;
}
