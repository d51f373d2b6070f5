import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { systemClock } from "../../clock.ts";
import { DeliveryError } from "../../errors.ts";
import type { PeerStream } from "../../streams/peer-stream.ts";
import { streamsOf } from "../../streams.ts";
import type { Peer, Topic } from "../../topic.ts";
import type { CommandParts } from "../chat.ts";
import { TOPIC_HELP } from "../connect-options.ts";
import type { ExitCode, Terminal } from "../terminal.ts";
import { codeOf, newCode, parseCode } from "./code-words.ts";
import { ProgressBar, sizeText } from "./progress-bar.ts";
import { type FileOffer, sendFile } from "./send-file.ts";
import { checkGone, type PreparedTransfer, type TransferRequest, type TransferTools, transfer } from "./transfer.ts";

/** The label of the stream that carries a file. */
export const FILE_LABEL = "file";
/** What a receiver shows of itself. */
export const RECEIVER = "receives";

/** `send`: one file to whoever has the code that it prints. @returns the exit code, as `transfer` */
export function send(args: readonly string[], terminal: Terminal, parts: CommandParts): Promise<ExitCode> {
  return transfer(args, terminal, parts, { command: "send", help, prepare });
}

async function prepare(
  { relays: [address, ...others], subject }: TransferRequest,
  terminal: Terminal,
  program: string,
): Promise<PreparedTransfer> {
  if (subject === undefined) throw new Error("Which file?");
  const { size, isFile } = await stat(subject).then((stats) => ({ size: stats.size, isFile: stats.isFile() }));
  if (!isFile) throw new Error(`${subject} is no file: pack a folder first.`);
  const secret = parseCode(terminal.env["POSTERN_CODE"] ?? newCode());
  if ("problem" in secret) throw new Error(`POSTERN_CODE: ${secret.problem}`);
  const file = { path: subject, name: basename(subject), sizeBytes: size };
  const options = others.map((relay) => ` --relay ${relay}`).join("");
  const say = (): void => {
    terminal.stderr.write(
      `On the other side: ${program} receive ${address} CODE${options}\nThe code, for one receiver:\n`,
    );
    terminal.stdout.write(`${codeOf(secret)}\n`);
  };
  return { secret, run: (topic, tools) => run(topic, tools, file, say) };
}

async function run(topic: Topic, tools: TransferTools, file: FileOffer, say: () => void): Promise<void> {
  say();
  for (;;) {
    const peer = await receiverIn(topic, tools.signal);
    tools.hasMet();
    tools.printer.notice(`sending ${file.name}, ${sizeText(file.sizeBytes)}`);
    const sha256 = await give(topic, peer, tools, file);
    if (sha256 !== undefined) return tools.printer.notice(`received over there, SHA-256 ${sha256}`);
    tools.hasLost();
  }
}

/** @returns the SHA-256 of the file; undefined: the receiver is gone, and may be back */
async function give(
  topic: Topic,
  peer: Peer,
  { terminal, signal }: TransferTools,
  file: FileOffer,
): Promise<string | undefined> {
  const bar = new ProgressBar(systemClock, terminal.stderr, file.sizeBytes);
  let stream: PeerStream | undefined;
  const onAbort = (): void => stream?.abort({ reason: "the sender has stopped" });
  signal.addEventListener("abort", onAbort);
  try {
    stream = await streamsOf(topic).open(peer, FILE_LABEL, { signal });
    return await sendFile(stream, file, (doneBytes) => bar.update(doneBytes));
  } catch (error) {
    stream?.abort({ reason: error instanceof Error ? error.message : "" });
    await checkGone(stream, error);
    return undefined;
  } finally {
    bar.clear();
    signal.removeEventListener("abort", onAbort);
  }
}

/** The first who receives. */
function receiverIn(topic: Topic, signal: AbortSignal): Promise<Peer> {
  const { promise, resolve, reject } = Promise.withResolvers<Peer>();
  const look = (): void => {
    const peer = [...topic.peers.values()].find(
      ({ presence = new Uint8Array() }) => String(Buffer.from(presence)) === RECEIVER,
    );
    if (peer !== undefined) resolve(peer);
  };
  const stops = [topic.on("join", look), topic.on("update", look), topic.on("error", reject)];
  const onAbort = (): void => reject(new DeliveryError("aborted"));
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  look();
  return promise.finally(() => {
    signal.removeEventListener("abort", onAbort);
    for (const stop of stops) stop();
  });
}

function help(program: string): string {
  return `Usage: ${program} send [relay] <file> [options]

Sends one file to whoever has the code that is printed on standard output. It is sealed on the way: the relay reads nothing of it. Over
cuts, and restarts of the relay, it goes on where it was; after a restart of either side too, with the same code.

  relay                 the address, as the relay prints it; or set POSTERN_RELAY
  file                  one file

Options:
${TOPIC_HELP}
  --timeout <seconds>   how long to wait for the other side; 600
  -h, --help

The variable POSTERN_CODE takes a code from before, to go on with it after a restart.

Exit codes: 0 the other side has it; 1 the relay cannot be reached, or refuses; 2 wrong words or options; 3 it did not get through.

Example:
  ${program} send wss://relay.example.com report.pdf
`;
}
