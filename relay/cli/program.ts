import { Readable } from "node:stream";
import { Command, CommanderError, Option } from "commander";
import type { LoadedConfig } from "../config/load.ts";
import { loadConfig } from "../config/load.ts";
import type { Option as ConfigOption } from "../config/option.ts";
import { type OptionName, optionRows } from "../config/options.ts";
import { describe } from "../config/render.ts";
import { RelayError } from "../relay-error.ts";
import { VERSION } from "../version.ts";
import { certRenew, type RenewOptions } from "./cert-renew.ts";
import { certStatus, type OutputOptions } from "./cert-status.ts";
import { checkConfig } from "./check-config.ts";
import { clientCommands } from "./client-commands.ts";
import { health } from "./health.ts";
import { OutputWatch } from "./output-watch.ts";
import { serve } from "./serve.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import type { InspectOptions } from "./token-inspect.ts";
import type { KeygenOptions } from "./token-keygen.ts";
import type { NewTokenOptions } from "./token-new.ts";

/** Runs one command line. @returns an `ExitCode`, or that of a cause that `doctor` or `probe` has found; never throws for what an operator can get wrong. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  const output = new OutputWatch(terminal);
  let exitCode: number = ExitCode.success;
  let isLogging = false;
  const withConfig =
    <Own>(command: (config: LoadedConfig, terminal: Terminal, own: Own) => ExitCode | Promise<ExitCode>) =>
    async (flags: Partial<Record<OptionName, string>> & Own) => {
      exitCode = await command(loadConfig({ flags, env: terminal.env }), terminal, flags);
    };
  const program = createProgram(terminal);
  const addOptions = optionsFor(["serve", ...argv]);
  addOptions(program.command("serve", { isDefault: true }).description("run the relay"))
    .hook("preAction", () => {
      isLogging = true;
    })
    .action(withConfig(serve));
  addOptions(
    program.command("check-config").description("print the effective options, or what is wrong with them"),
  ).action(withConfig(checkConfig));
  addOptions(
    program.command("health").description("ask the relay on this machine for /health; takes the options of the relay"),
  ).action(withConfig(health));
  const cert = program.command("cert").description("show or renew the certificate; takes the options of the relay");
  addOptions(cert.command("status").description("show what is known of the certificate"))
    .option("--json", "print one JSON object")
    .action(withConfig<OutputOptions>(certStatus));
  addOptions(cert.command("renew").description("tell when the renewal is due, or have the relay do it now"))
    .option("--force", "order now, whatever the time and the budget")
    .option("--wait <seconds>", "how long to follow a forced renewal", "120")
    .option("--json", "print one JSON object")
    .action(withConfig<RenewOptions>(certRenew));
  const ended = (code: number): void => {
    exitCode = code;
  };
  addStoreCommands(program, { terminal, ended, addOptions });
  addTokenCommands(program, { terminal, ended, addOptions });
  addClientCommands(program, { terminal, ended });
  try {
    await program.parseAsync(argv, { from: "user" });
    // A relay counts what its log has lost, and ends as it would have ended.
    return isLogging ? exitCode : await output.exitCode(exitCode);
  } catch (error) {
    return exitCodeOf(error, terminal);
  }
}

/** What commands are made with. */
type CommandParts = {
  readonly terminal: Terminal;
  readonly ended: (exitCode: number) => void;
  readonly addOptions: (command: Command) => Command;
};

/** SQLite is loaded for them alone. */
function addStoreCommands(program: Command, { terminal, ended, addOptions }: CommandParts): void {
  type Flags = Partial<Record<OptionName, string>> & OutputOptions;
  const store = program
    .command("store")
    .description("look after what waits in mailboxes; takes the options of the relay");
  addOptions(store.command("status").description("check the store, and show what waits in it"))
    .option("--json", "print one JSON object")
    .action(async (flags: Flags) => {
      const { storeStatus } = await import("./store-commands.ts");
      ended(await storeStatus(loadConfig({ flags, env: terminal.env }), terminal, flags));
    });
  addOptions(store.command("compact").description("give room that is not used back to the disk")).action(
    async (flags: Flags) => {
      const { storeCompact } = await import("./store-commands.ts");
      ended(await storeCompact(loadConfig({ flags, env: terminal.env }), terminal));
    },
  );
  addOptions(store.command("backup").description("copy the store into a new file, also while a relay has it"))
    .argument("<file>", "a new file")
    .action(async (file: string, flags: Flags) => {
      const { storeBackup } = await import("./store-commands.ts");
      ended(await storeBackup(loadConfig({ flags, env: terminal.env }), terminal, file));
    });
  addOptions(
    store.command("import").description("take over the data directory of Vauchi's relay, while no relay has the store"),
  )
    .argument("<directory>", "what RELAY_DATA_DIR named there; nothing in it is changed")
    .action(async (directory: string, flags: Flags) => {
      const { storeImport } = await import("./store-commands.ts");
      ended(await storeImport(loadConfig({ flags, env: terminal.env }), terminal, directory));
    });
  addOptions(store.command("restore").description("put a backup in the place of the store, while no relay has it"))
    .argument("<file>", "what store backup wrote")
    .action(async (file: string, flags: Flags) => {
      const { storeRestore } = await import("./store-commands.ts");
      ended(await storeRestore(loadConfig({ flags, env: terminal.env }), terminal, file));
    });
}

/** What they use is loaded for them alone: a relay that lets everybody in has no need of it. */
function addTokenCommands(program: Command, { terminal, ended, addOptions }: CommandParts): void {
  const token = program.command("token").description("make and read tokens, and the keys that sign them");
  token
    .command("new")
    .description("make a token and print it")
    .requiredOption("--key <path>", "the key that signs: what keygen wrote")
    .requiredOption("--subject <text>", "who the token is for; limits and revocations go by it")
    .requiredOption("--topic <pattern...>", "a topic; or the beginning of names and *; or sha256:<hash in hex>")
    .option("--verb <verb...>", "join, publish, mailbox; left out: the first two")
    .option("--lifetime <duration>", "how long it is good: a number with s, m, h or d behind it", "1h")
    .option("--issuer <text>", "iss, where the relay has AUTH_ISSUER")
    .option("--audience <text>", "aud, where the relay has AUTH_AUDIENCE")
    .option("--rate-class <word>", "the class of limits")
    .option("--max-connections <number>", "how many connections the subject may have at one time")
    .option("--json", "print one JSON object")
    .action(async (options: NewTokenOptions) => {
      const { tokenNew } = await import("./token-new.ts");
      ended(await tokenNew(options, terminal));
    });
  addOptions(token.command("inspect").description("explain a token; takes the options of the relay"))
    .argument("[token]", "the token")
    .option("--file <path>", "the file that holds the token: command lines can be read by others")
    .option("--json", "print one JSON object")
    .action(async (given: string | undefined, flags: Partial<Record<OptionName, string>> & InspectOptions) => {
      const { tokenInspect } = await import("./token-inspect.ts");
      ended(await tokenInspect(loadConfig({ flags, env: terminal.env }), terminal, flags, given));
    });
  token
    .command("keygen")
    .description("make a key for tokens: write what signs, print what the relay is given")
    .requiredOption("--out <path>", "a new file for what signs; only this user may read it")
    .option("--algorithm <name>", "EdDSA, ES256 or HS256", "EdDSA")
    .option("--json", "print one JSON object")
    .action(async (options: KeygenOptions) => {
      const { tokenKeygen } = await import("./token-keygen.ts");
      ended(await tokenKeygen(options, terminal));
    });
}

/** What is behind the name of one of these is theirs to read. */
function addClientCommands(program: Command, { terminal, ended }: Omit<CommandParts, "addOptions">): void {
  const { env, signals, stdin = Readable.from([]), stdout, stderr } = terminal;
  const clientTerminal = { env, signals, stdin, stdout, stderr };
  for (const { name, description, run: runCommand } of clientCommands) {
    program
      .command(name)
      .description(`${description}; its own --help has more`)
      .argument("[words...]", "what it takes")
      .helpOption(false)
      .allowUnknownOption()
      .action(async (words: readonly string[]) => ended(await runCommand(words, clientTerminal)));
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

/** Gives the options of the relay to commands that these words may be about: for all of them that takes a tenth of a start. */
function optionsFor(words: readonly string[]): CommandParts["addOptions"] {
  const isAboutAll = ["help", "--help", "-h"].some((word) => words.includes(word));
  const isAbout = (command: Command | null): boolean => command !== null && words.includes(command.name());
  return (command) => (isAboutAll || isAbout(command) || isAbout(command.parent) ? withOptions(command) : command);
}

function withOptions(command: Command): Command {
  for (const [name, option] of optionRows()) {
    if (option.flag === undefined) continue;
    const row = new Option(`${option.flag} <${pictureOf(option)}>`, describe(option));
    // "--environment" sets environment: commander derives the same name as the table has. A test compares them.
    if (row.attributeName() !== name) throw new TypeError(`${option.flag} does not spell ${name}`);
    command.addOption(row);
  }
  return command;
}

/** What stands for the value in --help; the parsing is config/load.ts's. */
function pictureOf({ kind }: ConfigOption): string {
  if (kind === "boolean") return "true|false";
  if (kind === "integer") return "number";
  if (kind === "list") return "names";
  return ["path", "url", "email"].includes(kind) ? kind : "word";
}

function exitCodeOf(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.success : ExitCode.usage;
  if (!(error instanceof RelayError)) throw error;
  terminal.stderr.write(`postern: ${error.message}\n`);
  return error.code === "CONFIG_INVALID" ? ExitCode.usage : ExitCode.failed;
}
