import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { exportKeyPairPem, importKeyPairPem, type KeyPair, newKeyPair } from "../identity/key-pair.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalText } from "./terminal-text.ts";

/** Nobody else on the machine reads it. */
const FILE_MODE = 0o600;

/** `key`: makes a key file where there is none, and prints its public key. @returns the exit code; never throws for what a user can get wrong. */
export async function key(args: readonly string[], terminal: Terminal, program: string): Promise<ExitCode> {
  try {
    const options = { help: { type: "boolean", short: "h" } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const [file, ...more] = positionals;
    if (values.help === true) terminal.stdout.write(helpOf(program));
    else if (file === undefined || more.length > 0) throw new Error("Give one word: the file of the key.");
    else terminal.stdout.write(`${(await keyOf(file)).publicKey}\n`);
    return ExitCode.success;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    terminal.stderr.write(`${program} key: ${toTerminalText(problem)}\nSee ${program} key --help\n`);
    return ExitCode.usage;
  }
}

/** The key pair in a file. @throws Error where it cannot be read, TopicError `key-invalid` */
export async function readKeyFile(file: string): Promise<KeyPair> {
  return importKeyPairPem(await readFile(file, "utf8"));
}

/** One that is there is never written over. */
async function keyOf(file: string): Promise<KeyPair> {
  const keys = await newKeyPair();
  try {
    await writeFile(file, await exportKeyPairPem(keys), { flag: "wx", mode: FILE_MODE });
    return keys;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return readKeyFile(file);
    throw error;
  }
}

function helpOf(program: string): string {
  return `Usage: ${program} key <file>

Makes a private key in a file that nobody else on this machine can read, and prints its public key, by which others can allow
you. If the file exists, it stays unchanged, and its public key is printed. Use the file with ${program} join --key-file.

  file        PKCS #8 in PEM, as openssl genpkey -algorithm ed25519 writes it

Options:
  -h, --help

Example:
  ${program} key ~/.postern-key
`;
}
