import { parseArgs } from "node:util";
import { systemClock, type Timer } from "../../clock.ts";
import { DeliveryError, errorTexts, PosternError } from "../../errors.ts";
import type { Relay } from "../../relay.ts";
import type { PeerStream } from "../../streams/peer-stream.ts";
import type { Topic } from "../../topic.ts";
import type { CommandParts } from "../chat.ts";
import { connectOptionsOf, isAddress, TOPIC_OPTIONS } from "../connect-options.ts";
import { Printer } from "../printer.ts";
import { RelayFailures } from "../relay-failures.ts";
import { SignalWatch } from "../signal-watch.ts";
import { ExitCode, type Terminal } from "../terminal.ts";
import { toTerminalText } from "../terminal-text.ts";

const OPTIONS = {
  ...TOPIC_OPTIONS,
  output: { type: "string", short: "o" },
  timeout: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

const DEFAULT_TIMEOUT_SECONDS = "600";
/** Tells the topic of a code apart from others that may be made of the same bytes. */
const TOPIC_NAME = "file";

/** What was asked for. */
export type TransferRequest = {
  /** At least one, in the order in which they are to be used. */
  readonly relays: readonly string[];
  /** The other word: a file, or a code. */
  readonly subject: string | undefined;
  readonly output: string | undefined;
  readonly timeoutMs: number;
};

/** One end of a transfer: what is different between the two commands. */
export type TransferEnd = {
  readonly command: "send" | "receive";
  readonly help: (program: string) => string;
  /** Checks what was asked before anything is dialled. @throws Error with a sentence for the user */
  readonly prepare: (request: TransferRequest, terminal: Terminal, program: string) => Promise<PreparedTransfer>;
};

/** A transfer that can begin. */
export type PreparedTransfer = {
  readonly secret: Uint8Array;
  /** Resolves when the file is over. @throws Error */
  readonly run: (topic: Topic, tools: TransferTools) => Promise<void>;
};

/** What both ends use while they run. */
export type TransferTools = {
  readonly printer: Printer;
  readonly terminal: Terminal;
  /** The user wants to stop, or the time to wait for the other side is over. */
  readonly signal: AbortSignal;
  /** The other side is there: it is waited for no more. */
  readonly hasMet: () => void;
  /** The other side is gone, which is told: it is waited for again, for as long as at first. */
  readonly hasLost: () => void;
};

/** Runs one end. @returns the exit code; never throws for what a user, a relay or the other side can get wrong */
export async function transfer(
  args: readonly string[],
  terminal: Terminal,
  { connect, program }: CommandParts,
  end: TransferEnd,
): Promise<ExitCode> {
  const usage = (problem: string): ExitCode => {
    terminal.stderr.write(
      `${program} ${end.command}: ${toTerminalText(problem)}\nSee ${program} ${end.command} --help\n`,
    );
    return ExitCode.usage;
  };
  let prepared: PreparedTransfer;
  let relay: Relay;
  let request: TransferRequest;
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (values.help === true) {
      terminal.stdout.write(end.help(program));
      return ExitCode.success;
    }
    request = requestOf(positionals, values, terminal.env);
    prepared = await end.prepare(request, terminal, program);
    const words = {
      fingerprint: values.fingerprint,
      caFile: values["ca-file"],
      proxy: values.proxy,
      tokenFile: values["token-file"],
    };
    relay = connect(request.relays, await connectOptionsOf(words, terminal.env));
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  const run = new TransferRun(terminal, relay, request);
  const signals = new SignalWatch(terminal.signals, () => run.stop());
  try {
    return await Promise.race([run.end(prepared), signals.second]);
  } finally {
    signals.end();
  }
}

/**
 * Waits for a stream that has failed to be over.
 * @throws why it has failed, unless its peer is gone. One that gives a reason and leaves is not: that reason is thrown.
 */
export async function checkGone(stream: Pick<PeerStream, "closed"> | undefined, error: unknown): Promise<void> {
  if (!isGone(error)) throw error;
  const first: unknown = await stream?.closed.catch((cause: unknown) => cause);
  if (first !== undefined && !isGone(first)) throw first;
}

function isGone(error: unknown): boolean {
  return error instanceof DeliveryError && error.code === "peer-gone";
}

class TransferRun {
  readonly #terminal: Terminal;
  readonly #printer: Printer;
  readonly #relay: Relay;
  readonly #timeoutMs: number;
  readonly #stop = new AbortController();
  #waiting: Timer | undefined;

  constructor(terminal: Terminal, relay: Relay, request: TransferRequest) {
    this.#terminal = terminal;
    this.#printer = new Printer(terminal, { isJson: false });
    this.#relay = relay;
    this.#timeoutMs = request.timeoutMs;
    const failures = new RelayFailures(relay, request, this.#printer);
    relay.on("error", (error) => {
      if (failures.isFinal) this.#stop.abort(error);
      else failures.tell(error);
    });
  }

  stop(): void {
    this.#stop.abort(new Error("stopped"));
  }

  async end({ secret, run }: PreparedTransfer): Promise<ExitCode> {
    const { signal } = this.#stop;
    const endMs = systemClock.monotonicMs() + this.#timeoutMs;
    try {
      const topic = await this.#relay.join({ secret, name: TOPIC_NAME }, { timeoutMs: this.#timeoutMs, signal });
      // Not before: who cannot reach the relay is told that.
      this.#wait(Math.max(0, endMs - systemClock.monotonicMs()));
      await run(topic, {
        printer: this.#printer,
        terminal: this.#terminal,
        signal,
        hasMet: () => this.#waiting?.cancel(),
        hasLost: () => {
          this.#printer.notice("the other side is gone: waiting for it");
          this.#wait(this.#timeoutMs);
        },
      });
      return ExitCode.success;
    } catch (error) {
      const cause: unknown = signal.aborted ? signal.reason : error;
      this.#printer.failure(cause);
      return cause instanceof PosternError && cause.name === "ConnectError" ? ExitCode.failed : ExitCode.incomplete;
    } finally {
      this.#waiting?.cancel();
      await this.#relay.close();
    }
  }

  #wait(durationMs: number): void {
    this.#waiting?.cancel();
    this.#waiting = systemClock.after(durationMs, () => this.#stop.abort(new Error("nobody came in time")));
  }
}

type Values = {
  readonly relay?: readonly string[] | undefined;
  readonly output?: string | undefined;
  readonly timeout?: string | undefined;
};

/** @throws Error with a sentence for the user */
function requestOf(
  words: readonly string[],
  { relay = [], output, timeout }: Values,
  env: Terminal["env"],
): TransferRequest {
  const [address = "", subject, ...more] = isAddress(words[0]) ? words : [env["POSTERN_RELAY"], ...words];
  const timeoutSeconds = Number(timeout ?? DEFAULT_TIMEOUT_SECONDS);
  const relays = [address, ...relay];
  if (!relays.every(isAddress))
    throw new Error(`${errorTexts["address-invalid"][0]}: give it first, or set POSTERN_RELAY.`);
  if (more.length > 0) throw new Error("Give two words: the address of a relay, and a file or a code.");
  if (!(timeoutSeconds >= 1 && timeoutSeconds <= 86_400))
    throw new Error("--timeout: a number of seconds from 1 to 86400.");
  return { relays, subject, output, timeoutMs: timeoutSeconds * 1000 };
}
