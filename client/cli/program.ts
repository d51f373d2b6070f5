import { VERSION } from "../version.ts";
import type { Connect } from "./chat.ts";
import { join } from "./join.ts";
import { key } from "./key.ts";
import { mailbox } from "./mailbox.ts";
import { secret, topicId } from "./secret.ts";
import { signRelays } from "./sign-relays.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalText } from "./terminal-text.ts";
import { receive } from "./transfer/receive.ts";
import { send } from "./transfer/send.ts";

const HELP = `Usage: postern-client <command>

  join <relay> [topic]  chat in a topic, or a pipe to and from it
  send [relay] <file>   send a file to whoever has the code that it prints
  receive [relay] <code>
  doctor <relay>        find out why an app cannot reach a relay
  probe <relay>         the same as metrics for Prometheus, for operators
  secret                make a secret that seals a topic
  sign-relays <relay>...
                        make a list of relays that apps can check
  topic-id [name]       print the topic that a secret names, for a token
  key <file>            make a private key, or print the public key of one
  mailbox open <relay>  print what waits for a key; mailbox deposit leaves a message
  --version             print the version
  --help                print this; after a command, its options
`;

/**
 * Runs one command line of `postern-client`.
 * @returns the exit code: an `ExitCode`, or that of a cause that `doctor` or `probe` has found. Never throws for what a user can get wrong.
 */
export async function run(argv: readonly string[], terminal: Terminal, connect: Connect): Promise<number> {
  const [command, ...args] = argv;
  const parts = { connect, program: "postern-client" };
  switch (command) {
    case "join":
      return join(args, terminal, parts);
    case "send":
      return send(args, terminal, parts);
    case "receive":
      return receive(args, terminal, parts);
    case "doctor": {
      const { doctor } = await import("./doctor.ts");
      return doctor(args, terminal, "postern-client");
    }
    case "probe": {
      const { probe } = await import("./probe.ts");
      return probe(args, terminal, "postern-client");
    }
    case "secret":
      return secret(args, terminal, "postern-client");
    case "sign-relays":
      return signRelays(args, terminal, "postern-client");
    case "topic-id":
      return topicId(args, terminal, "postern-client");
    case "key":
      return key(args, terminal, "postern-client");
    case "mailbox":
      return mailbox(args, terminal, parts);
    case "--version":
    case "-V":
      terminal.stdout.write(`${VERSION}\n`);
      return ExitCode.success;
    case "--help":
    case "-h":
      terminal.stdout.write(HELP);
      return ExitCode.success;
    default:
      if (command !== undefined) {
        terminal.stderr.write(`postern-client: there is no command ${toTerminalText(command)}\n`);
      }
      terminal.stderr.write(HELP);
      return ExitCode.usage;
  }
}
