import type { Connect } from "../../client/cli/chat.ts";
import type { Terminal } from "../../client/cli/terminal.ts";

const PROGRAM = "postern";

/** A command of `postern-client`. What is behind its name is its own to read. */
type ClientCommand = {
  readonly name: string;
  readonly description: string;
  /** @returns the exit code: one of the client's, or that of a cause that `doctor` or `probe` has found. */
  readonly run: (words: readonly string[], terminal: Terminal) => Promise<number>;
};

/** The commands of `postern-client` that `postern` has too, from the same source. Each is loaded when it is asked for: a relay needs none. */
export const clientCommands: readonly ClientCommand[] = [
  {
    name: "join",
    description: "chat in a topic, or a pipe to and from it",
    run: async (words, terminal) =>
      (await import("../../client/cli/join.ts")).join(words, terminal, await connectParts()),
  },
  {
    name: "send",
    description: "send a file to whoever has the code that it prints",
    run: async (words, terminal) =>
      (await import("../../client/cli/transfer/send.ts")).send(words, terminal, await connectParts()),
  },
  {
    name: "receive",
    description: "receive the file of whoever has printed a code",
    run: async (words, terminal) =>
      (await import("../../client/cli/transfer/receive.ts")).receive(words, terminal, await connectParts()),
  },
  {
    name: "doctor",
    description: "find out why an app cannot reach a relay",
    run: async (words, terminal) => (await import("../../client/cli/doctor.ts")).doctor(words, terminal, PROGRAM),
  },
  {
    name: "probe",
    description: "look at a relay from outside, as metrics for Prometheus",
    run: async (words, terminal) => (await import("../../client/cli/probe.ts")).probe(words, terminal, PROGRAM),
  },
  {
    name: "secret",
    description: "make a secret that seals a topic",
    run: async (words, terminal) => (await import("../../client/cli/secret.ts")).secret(words, terminal, PROGRAM),
  },
  {
    name: "topic-id",
    description: "print the topic that a secret names, for a token",
    run: async (words, terminal) => (await import("../../client/cli/secret.ts")).topicId(words, terminal, PROGRAM),
  },
  {
    name: "key",
    description: "make a private key, or print the public key of one",
    run: async (words, terminal) => (await import("../../client/cli/key.ts")).key(words, terminal, PROGRAM),
  },
  {
    name: "mailbox",
    description: "print what waits for a key, or store a message",
    run: async (words, terminal) =>
      (await import("../../client/cli/mailbox.ts")).mailbox(words, terminal, await connectParts()),
  },
  {
    name: "sign-relays",
    description: "make a list of relays that apps can check",
    run: async (words, terminal) =>
      (await import("../../client/cli/sign-relays.ts")).signRelays(words, terminal, PROGRAM),
  },
];

async function connectParts(): Promise<{ readonly connect: Connect; readonly program: string }> {
  const { connect } = await import("../../client/node.ts");
  return { connect, program: PROGRAM };
}
