import { systemClock } from "../../clock.ts";
import { DeliveryError } from "../../errors.ts";
import type { PeerStream } from "../../streams/peer-stream.ts";
import { streamsOf } from "../../streams.ts";
import type { Topic } from "../../topic.ts";
import type { CommandParts } from "../chat.ts";
import { TOPIC_HELP } from "../connect-options.ts";
import { ask } from "../secret-source.ts";
import type { ExitCode, Terminal } from "../terminal.ts";
import { parseCode } from "./code-words.ts";
import { ProgressBar, sizeText } from "./progress-bar.ts";
import { type ReceivedFile, receiveFile } from "./receive-file.ts";
import { FILE_LABEL, RECEIVER } from "./send.ts";
import { checkGone, type PreparedTransfer, type TransferRequest, type TransferTools, transfer } from "./transfer.ts";

/** `receive`: the file of whoever has printed this code. @returns the exit code, as `transfer` */
export function receive(args: readonly string[], terminal: Terminal, parts: CommandParts): Promise<ExitCode> {
  return transfer(args, terminal, parts, { command: "receive", help, prepare });
}

async function prepare({ subject, output }: TransferRequest, terminal: Terminal): Promise<PreparedTransfer> {
  const code = subject ?? terminal.env["POSTERN_CODE"] ?? (await ask("Code: ", terminal));
  if (code === undefined) throw new Error("Give the code that the other side has printed.");
  const secret = parseCode(code);
  if ("problem" in secret) throw new Error(secret.problem);
  return { secret, run: (topic, tools) => run(topic, tools, output) };
}

async function run(topic: Topic, tools: TransferTools, output: string | undefined): Promise<void> {
  const { printer, terminal, signal } = tools;
  const incoming = streamsOf(topic).incoming({ label: FILE_LABEL, signal });
  topic.setPresence(RECEIVER);
  printer.notice("waiting for the other side");
  for await (const stream of incoming) {
    tools.hasMet();
    const file = await take(stream, tools, output);
    if (file === undefined) continue;
    printer.notice(`received ${file.path}, ${sizeText(file.sizeBytes)}, SHA-256 ${file.sha256}`);
    terminal.stdout.write(`${file.path}\n`);
    return;
  }
  throw new DeliveryError("aborted");
}

/** @returns undefined: the sender is gone, and may be back */
async function take(
  stream: PeerStream,
  { printer, terminal, signal, hasLost }: TransferTools,
  output: string | undefined,
): Promise<ReceivedFile | undefined> {
  let bar: ProgressBar | undefined;
  const onAbort = (): void => stream.abort({ reason: "the receiver has stopped" });
  signal.addEventListener("abort", onAbort);
  try {
    return await receiveFile(stream, output, {
      onOffer: ({ path, sizeBytes }) => {
        printer.notice(`receiving ${path}, ${sizeText(sizeBytes)}`);
        bar = new ProgressBar(systemClock, terminal.stderr, sizeBytes);
      },
      onProgress: (doneBytes) => bar?.update(doneBytes),
    });
  } catch (error) {
    stream.abort({ reason: error instanceof Error ? error.message : "" });
    await checkGone(stream, error);
    hasLost();
    return undefined;
  } finally {
    bar?.clear();
    signal.removeEventListener("abort", onAbort);
  }
}

function help(program: string): string {
  return `Usage: ${program} receive [relay] [code] [options]

Receives the file of whoever has printed this code, into the present folder by its own name, and prints that name on standard output.
A file of that name is never replaced. What has come is in a file with .part behind its name until all of it is there and its
SHA-256 is right; the same command goes on with it.

  relay                 the address, as the relay prints it; or set POSTERN_RELAY
  code                  the nine words; without them they are read from POSTERN_CODE, or asked for

Options:
${TOPIC_HELP}
  -o, --output <path>   where it goes: a file in place of its own name, or a folder
  --timeout <seconds>   how long to wait for the other side; 600
  -h, --help

Exit codes: 0 the file is there; 1 the relay cannot be reached, or refuses; 2 wrong words or options; 3 it did not get through.

Example:
  ${program} receive wss://relay.example.com
`;
}
