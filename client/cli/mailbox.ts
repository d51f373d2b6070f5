import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { PosternError } from "../errors.ts";
import type { MailboxMessage } from "../mailbox/mailbox.ts";
import { type Mailboxes, mailboxesOf } from "../mailbox.ts";
import type { ConnectOptions } from "../relay.ts";
import type { CommandParts } from "./chat.ts";
import { CONNECT_HELP, CONNECT_OPTIONS, connectOptionsOf } from "./connect-options.ts";
import { readKeyFile } from "./key.ts";
import { SignalWatch } from "./signal-watch.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalJson, toTerminalText } from "./terminal-text.ts";

const OPTIONS = {
  ...CONNECT_OPTIONS,
  "key-file": { type: "string" },
  "deposit-secret-file": { type: "string" },
  delete: { type: "boolean" },
  stay: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

type Words = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;
type Values = Words["values"];

/** What is done at a relay. */
type Work = (mailboxes: Mailboxes, terminal: Terminal, signal: AbortSignal) => Promise<void>;

/** What is asked, checked. */
type Prepared = { readonly address: string; readonly options: ConnectOptions; readonly work: Work };

/** `mailbox open` and `mailbox deposit`. @returns the exit code; never throws for what a user can get wrong. */
export async function mailbox(
  args: readonly string[],
  terminal: Terminal,
  { connect, program }: CommandParts,
): Promise<ExitCode> {
  const say = (error: unknown): void => {
    const problem = error instanceof Error ? error.message : String(error);
    terminal.stderr.write(`${program} mailbox: ${toTerminalText(problem)}\n`);
  };
  let prepared: Awaited<ReturnType<typeof prepare>>;
  try {
    prepared = await prepare(args, terminal);
  } catch (error) {
    say(error);
    terminal.stderr.write(`See ${program} mailbox --help\n`);
    return ExitCode.usage;
  }
  if (prepared === "help") {
    terminal.stdout.write(helpOf(program));
    return ExitCode.success;
  }
  const stop = new AbortController();
  const signals = new SignalWatch(terminal.signals, () => stop.abort());
  try {
    await using relay = connect(prepared.address, prepared.options);
    const done = prepared.work(mailboxesOf(relay), terminal, stop.signal).then(() => ExitCode.success);
    return await Promise.race([done, signals.second]);
  } catch (error) {
    say(error);
    return error instanceof PosternError ? ExitCode.failed : ExitCode.usage;
  } finally {
    signals.end();
  }
}

/** @throws Error where the words are wrong, or a file cannot be read */
async function prepare(args: readonly string[], terminal: Terminal): Promise<Prepared | "help"> {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return "help";
  const [action, address, ...rest] = positionals;
  if (address === undefined) throw new Error("Give open or deposit, and the address of a relay.");
  const { fingerprint, "ca-file": caFile, proxy, "token-file": tokenFile } = values;
  const options = await connectOptionsOf({ fingerprint, caFile, proxy, tokenFile }, terminal.env);
  if (action === "open" && rest.length === 0) return { address, options, work: await opening(values) };
  const [publicKey, ...more] = rest;
  if (action === "deposit" && publicKey !== undefined && more.length === 0) {
    return { address, options, work: await depositing(publicKey, values) };
  }
  throw new Error("Give open <relay>, or deposit <relay> <public key>.");
}

async function opening(values: Values): Promise<Work> {
  const { "key-file": keyFile, stay = false, json = false, delete: isDeleting = false } = values;
  if (keyFile === undefined) throw new Error("Give --key-file: the key of the mailbox.");
  const keys = await readKeyFile(keyFile);
  return async (mailboxes, { stdout, stderr }, signal) => {
    const own = await mailboxes.open(keys, { signal });
    own.on("fault", ({ sequence }) => stderr.write(`! message ${sequence} cannot be opened\n`));
    for await (const message of own.messages({ signal, live: stay })) {
      const form = json || stdout.isTTY === true ? lineOf(message, json) : Buffer.concat([message.data, LINE_END]);
      if (!stdout.write(form)) await once(stdout, "drain", { signal });
      if (isDeleting) await own.delete(message, { signal });
    }
  };
}

const LINE_END = Buffer.from("\n");

function lineOf({ sequence, id, from, depositedAtMs, text }: MailboxMessage, isJson: boolean): string {
  if (isJson) return `${toTerminalJson({ sequence, id, from, depositedAtMs, text })}\n`;
  return `<${from ?? "somebody"}> ${toTerminalText(text)}\n`;
}

async function depositing(publicKey: string, values: Values): Promise<Work> {
  const { "key-file": keyFile, "deposit-secret-file": secretFile } = values;
  const from = keyFile === undefined ? undefined : await readKeyFile(keyFile);
  const secret = secretFile === undefined ? undefined : (await readFile(secretFile, "utf8")).trim();
  return async (mailboxes, { stdin, stdout }, signal) => {
    const { id } = await mailboxes.deposit(publicKey, await buffer(stdin), { from, secret, signal });
    stdout.write(`${id}\n`);
  };
}

function helpOf(program: string): string {
  return `Usage: ${program} mailbox open <relay> --key-file <path> [options]
       ${program} mailbox deposit <relay> <public key> [options]

Messages that wait at the relay, sealed for an owner who is away. open prints what waits in a key's mailbox, oldest first. deposit stores
standard input as one message, and prints its id once the relay has it; the owner must have opened the mailbox once. ${program} key
makes a key.

Options:
${CONNECT_HELP}
  --key-file <path>     open: the owner's key. deposit: signs the message, which only the owner sees
  --deposit-secret-file <path>  deposit: the file with the secret that the owner's bounds ask for
  --delete              open: delete each message once it is printed
  --stay                open: go on with new messages
  --json                open: print one JSON object a line
  -h, --help

Exit codes: 0 done; 1 the relay cannot be reached, or refuses; 2 wrong words or options.

Example:
  echo "see you at eight" | ${program} mailbox deposit wss://relay.example.com KEY
`;
}
