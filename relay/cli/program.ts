import { Command, CommanderError, Option } from "commander";
import type { LoadedConfig } from "../config/load.ts";
import { loadConfig } from "../config/load.ts";
import { type OptionName, optionRows } from "../config/options.ts";
import { describe } from "../config/render.ts";
import { RelayError } from "../relay-error.ts";
import { VERSION } from "../version.ts";
import { checkConfig } from "./check-config.ts";
import { serve } from "./serve.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/** Runs one command line. @returns the exit code; never throws for what an operator can get wrong. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.success;
  const withConfig =
    (command: (config: LoadedConfig, terminal: Terminal) => ExitCode | Promise<ExitCode>) =>
    async (flags: Partial<Record<OptionName, string>>) => {
      exitCode = await command(loadConfig({ flags, env: terminal.env }), terminal);
    };
  const program = createProgram(terminal);
  addOptions(program.command("serve", { isDefault: true }).description("run the relay")).action(withConfig(serve));
  addOptions(
    program.command("check-config").description("print the effective options, or what is wrong with them"),
  ).action(withConfig(checkConfig));
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error, terminal);
  }
}

function createProgram(terminal: Terminal): Command {
  return new Command("postern")
    .description("A relay on TCP 443 with TLS: peers join a topic, and their bytes get through.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    });
}

function addOptions(command: Command): Command {
  for (const [name, option] of optionRows()) {
    // The value's name is only a picture for --help; the parsing is config/load.ts's.
    const value = option.kind === "boolean" ? "true|false" : option.kind === "integer" ? "number" : "word";
    const row = new Option(`${option.flag} <${value}>`, describe(option));
    // "--environment" sets environment: commander derives the same name as the table has. A test compares them.
    if (row.attributeName() !== name) throw new TypeError(`${option.flag} does not spell ${name}`);
    command.addOption(row);
  }
  return command;
}

function exitCodeOf(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.success : ExitCode.usage;
  if (!(error instanceof RelayError)) throw error;
  terminal.stderr.write(`postern: ${error.message}\n`);
  return error.code === "CONFIG_INVALID" ? ExitCode.usage : ExitCode.startFailed;
}
