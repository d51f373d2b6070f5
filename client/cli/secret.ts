import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { newSecret, secretFromPassphrase } from "../sealing/secret.ts";
import { topicIdOf } from "../sealing/topic-id.ts";
import { ask, readSecret } from "./secret-source.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalText } from "./terminal-text.ts";

/** `secret`: makes a secret, a new one or that of a passphrase. @returns the exit code; never throws for what a user can get wrong. */
export function secret(args: readonly string[], terminal: Terminal, program: string): Promise<ExitCode> {
  return answer({ args, terminal, program, command: "secret" }, async () => {
    const options = { passphrase: { type: "boolean" }, salt: { type: "string" }, ...HELP } as const;
    const { values } = parseArgs({ args: [...args], options });
    if (values.help === true) return secretHelp(program);
    if (values.passphrase !== true) return newSecret();
    const { salt } = values;
    if (salt === undefined)
      throw new Error("--passphrase goes with --salt, any text of at least 8 bytes that is your group's own.");
    const passphrase = terminal.env["POSTERN_PASSPHRASE"] || (await ask("Passphrase: ", terminal));
    if (passphrase === undefined)
      throw new Error("There is no passphrase: type it at a terminal, or set POSTERN_PASSPHRASE.");
    return secretFromPassphrase(passphrase, { salt });
  });
}

/** `topic-id`: the topic that a secret names, for whoever writes grants. @returns the exit code, as `secret` */
export function topicId(args: readonly string[], terminal: Terminal, program: string): Promise<ExitCode> {
  return answer({ args, terminal, program, command: "topic-id" }, async () => {
    const options = { "secret-file": { type: "string" }, sha256: { type: "boolean" }, ...HELP } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values.help === true) return topicIdHelp(program);
    if (positionals.length > 1) throw new Error("Give one word at most: the name of the topic within the secret.");
    const given = await readSecret(values["secret-file"], terminal, { mayAsk: true });
    if (given === undefined) throw new Error("There is no secret: --secret-file, or POSTERN_SECRET.");
    const id = await topicIdOf(given, { name: positionals[0] });
    return values.sha256 === true ? `sha256:${createHash("sha256").update(id).digest("hex")}` : id;
  });
}

const HELP = { help: { type: "boolean", short: "h" } } as const;

type Asked = {
  readonly args: readonly string[];
  readonly terminal: Terminal;
  readonly program: string;
  readonly command: string;
};

/** Prints one line, or what is wrong. */
async function answer({ terminal, program, command }: Asked, line: () => Promise<string>): Promise<ExitCode> {
  try {
    terminal.stdout.write(`${(await line()).trimEnd()}\n`);
    return ExitCode.success;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    terminal.stderr.write(`${program} ${command}: ${toTerminalText(problem)}\nSee ${program} ${command} --help\n`);
    return ExitCode.usage;
  }
}

function secretHelp(program: string): string {
  return `Usage: ${program} secret [--passphrase --salt <text>]

Prints a new secret: 256 random bits as 43 characters. Give it to the members of a topic as you would give them a key; they read
it from a file or a variable: ${program} join --help.

Options:
  --passphrase   derive the secret from a passphrase, asked for or in POSTERN_PASSPHRASE: the same each time, and no harder
                 to guess than the passphrase
  --salt <text>  at least 8 bytes that only your group uses; not secret
  -h, --help

Example:
  (umask 077 && ${program} secret > secret)
`;
}

function topicIdHelp(program: string): string {
  return `Usage: ${program} topic-id [name] [options]

Prints the topic that a secret names, as the relay knows it, for whoever writes tokens. It reveals nothing of the secret, which
comes from --secret-file or POSTERN_SECRET, or is asked for.

  name                  the name, if several topics share this secret

Options:
  --secret-file <path>  the file with the secret
  --sha256              print sha256: and the hash of the id, for tokens that do not reveal the id
  -h, --help
`;
}
