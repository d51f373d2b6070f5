import { identityOf } from "../identity/member-identity.ts";
import type { ConnectOptions } from "../relay.ts";
import type { Identity } from "../session-identity.ts";
import { Chat, type ChatTopic, type CommandParts } from "./chat.ts";
import { connectOptionsOf, TOPIC_HELP } from "./connect-options.ts";
import { type JoinRequest, parseJoin } from "./join-request.ts";
import { readKeyFile } from "./key.ts";
import { readSecret } from "./secret-source.ts";
import { SignalWatch } from "./signal-watch.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalText } from "./terminal-text.ts";

/** `join`: chat in a topic, or a pipe to and from it. @returns the exit code; never throws for what a user can get wrong. */
export async function join(
  args: readonly string[],
  terminal: Terminal,
  { connect, program }: CommandParts,
): Promise<ExitCode> {
  const request = parseJoin(args);
  if (request === "help") {
    terminal.stdout.write(helpOf(program));
    return ExitCode.success;
  }
  if ("problem" in request) {
    terminal.stderr.write(`${program} join: ${toTerminalText(request.problem)}\nSee ${program} join --help\n`);
    return ExitCode.usage;
  }
  let options: ConnectOptions;
  let topic: ChatTopic;
  let identity: Identity | undefined;
  try {
    options = await connectOptionsOf(request, terminal.env);
    topic = await topicOf(request, terminal);
    identity = await identityIn(request, topic);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    terminal.stderr.write(`${program} join: ${toTerminalText(problem)}\n`);
    return ExitCode.usage;
  }
  const chat = new Chat(request, { topic, identity }, terminal);
  const signals = new SignalWatch(terminal.signals, () => chat.stop());
  try {
    return await Promise.race([chat.run(connect, options), signals.second]);
  } finally {
    signals.end();
  }
}

/** @throws Error where there is neither a topic nor a secret, or what there is is none. */
async function topicOf({ topic, secretFile, isPlain }: JoinRequest, terminal: Terminal): Promise<ChatTopic> {
  const secret = isPlain ? undefined : await readSecret(secretFile, terminal, { mayAsk: topic === undefined });
  if (secret !== undefined) return { secret, name: topic };
  if (topic === undefined) throw new Error("Give a topic, or a secret: --secret-file, or POSTERN_SECRET.");
  return topic;
}

/** @throws Error where the file cannot be read, or the topic has no secret; TopicError `key-invalid` */
async function identityIn({ keyFile, allow }: JoinRequest, topic: ChatTopic): Promise<Identity | undefined> {
  if (keyFile === undefined) return undefined;
  if (typeof topic === "string") throw new Error("--key-file goes with a secret: a public topic proves nothing.");
  return identityOf(await readKeyFile(keyFile), { allow: allow.length > 0 ? allow : undefined });
}

function helpOf(program: string): string {
  return `Usage: ${program} join <relay> [topic] [options]

Joins a topic: what you type goes to its members, and what they send is printed. In a pipe, each line of standard input is a
message, and standard output has only messages; it ends once the input has ended and all members have everything.

  relay                 the address, as the relay prints it: wss://relay.example.com
  topic                 a name that all members know. Without a secret the topic is public: whoever runs the relay, or knows
                        the name, reads it. With a secret the name is optional, and separates topics with the same secret

With a secret, only members can read what is sent. It comes from --secret-file or the variable POSTERN_SECRET; if there is
no topic either, you are asked for it. ${program} secret makes one.

Options:
${TOPIC_HELP}
  --secret-file <path>  the file with the secret that all members have
  --key-file <path>     prove who you are by this key, made by ${program} key; others are shown with their keys
  --allow <public key>  with --key-file: show only this member; repeat for more
  --name <text>         what the others see of you, instead of a random id
  --plain               for topics with other clients: nothing is numbered or sent again
  --peer-id <name>      the name that the others see, with --plain
  --json                print one JSON object a line: message, join, update, leave, lost
  --stay                keep listening after the end of standard input
  --timeout <seconds>   how long to wait for the relay at first, and for members at the end (30)
  -h, --help

Exit codes: 0 done; 1 the relay cannot be reached, or refuses; 2 wrong words or options; 3 something did not get through;
130 and 143 after a second SIGINT and SIGTERM. The first one leaves the topic.

Examples:
  ${program} secret > secret && ${program} join wss://relay.example.com --secret-file secret
  ${program} join wss://localhost:8443 my-topic --fingerprint AB:CD:...
  tail -f app.log | ${program} join wss://relay.example.com my-topic
  ${program} join wss://relay.example.com my-topic --json --stay </dev/null | jq -r .text
`;
}
