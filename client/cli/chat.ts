import { createInterface } from "node:readline";
import { PosternError } from "../errors.ts";
import type { ConnectOptions, Relay } from "../relay.ts";
import type { Identity } from "../session-identity.ts";
import type { Topic } from "../topic.ts";
import type { JoinRequest } from "./join-request.ts";
import { Printer } from "./printer.ts";
import { RelayFailures } from "./relay-failures.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/** `connect` of this package, on the platform that runs the command. */
export type Connect = (relays: string | readonly string[], options?: ConnectOptions) => Relay;

/** What a command that dials is given beside its words and its terminal. */
export type CommandParts = {
  readonly connect: Connect;
  /** As its user has typed it: `postern-client`, or `postern`. */
  readonly program: string;
};

/** The topic of a chat: a name where it is public. */
export type ChatTopic = Parameters<Relay["join"]>[0];

/** What a chat joins, and as whom. */
export type ChatJoining = { readonly topic: ChatTopic; readonly identity: Identity | undefined };

/**
 * One run of `join`: lines of standard input go to the topic, messages of the topic to standard output, until the input ends,
 * a signal comes, or the relay does not let it back.
 */
export class Chat {
  readonly #request: JoinRequest;
  readonly #joining: ChatJoining;
  readonly #terminal: Terminal;
  readonly #printer: Printer;
  /** The first signal came, the output has ended, or the topic: from then on it leaves. */
  readonly #stop = new AbortController();
  #exitCode: ExitCode = ExitCode.success;
  #hasJoined = false;

  constructor(request: JoinRequest, joining: ChatJoining, terminal: Terminal) {
    this.#request = request;
    this.#joining = joining;
    this.#terminal = terminal;
    this.#printer = new Printer(terminal, request);
  }

  /** Leaves, if it is in; gives up, if it is not yet. */
  stop(): void {
    this.#stop.abort();
  }

  /** @returns how it ended; never rejects for what a relay or a network may do. */
  async run(connect: Connect, options: ConnectOptions): Promise<ExitCode> {
    let relay: Relay;
    try {
      relay = connect(this.#request.relays, options);
    } catch (error) {
      return this.#refused(error);
    }
    this.#listenTo(relay);
    try {
      const { isPlain, peerId, name, timeoutMs } = this.#request;
      const signal = this.#stop.signal;
      const topic = await relay.join(this.#joining.topic, {
        public: true,
        plain: isPlain,
        peerId,
        presence: name,
        identity: this.#joining.identity,
        timeoutMs,
        signal,
      });
      this.#hasJoined = true;
      await this.#speakIn(topic);
    } catch (error) {
      // Who was asked to stop does not complain that it has stopped.
      if (!this.#stop.signal.aborted) this.#fail(error);
    } finally {
      await relay.close();
    }
    return this.#exitCode;
  }

  /** `connect` itself throws where what it was given cannot be. */
  #refused(error: unknown): ExitCode {
    this.#printer.failure(error);
    const isUsage =
      error instanceof PosternError && (error.code === "address-invalid" || error.code === "option-invalid");
    return isUsage ? ExitCode.usage : ExitCode.failed;
  }

  #fail(error: unknown): void {
    this.#printer.failure(error);
    this.#exitCode = ExitCode.failed;
  }

  #listenTo(relay: Relay): void {
    relay.on("state", (state) => {
      if (state === "reconnecting") this.#printer.notice("the connection is gone; dialling again");
      else if (state === "connected" && this.#hasJoined) this.#printer.notice("connected again");
    });
    const failures = new RelayFailures(relay, this.#request, this.#printer);
    relay.on("error", (error) => {
      if (relay.state === "closed") {
        // A join that waits rejects with it, and says so.
        if (this.#hasJoined) this.#end(error);
      } else if (failures.isFinal) this.#end(error);
      else failures.tell(error);
    });
  }

  /** Ends for a reason that is not the user's. */
  #end(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    this.#fail(error);
    this.stop();
  }

  async #speakIn(topic: Topic): Promise<void> {
    const signal = this.#stop.signal;
    const messages = topic.messages();
    this.#follow(topic);
    const printing = this.#print(messages);
    await Promise.race([this.#sendLines(topic), stopped(signal)]);
    await topic.leave();
    await printing;
  }

  #follow(topic: Topic): void {
    const printer = this.#printer;
    const isTyped = this.#terminal.stdout.isTTY === true;
    printer.notice(isTyped ? "joined; type a line and press Enter, end with Ctrl-D" : "joined");
    printer.notice(
      typeof this.#joining.topic === "string"
        ? "this topic is public: whoever runs the relay, or knows its name, reads it"
        : "sealed: only who has the secret reads it",
    );
    for (const peer of topic.peers.values()) printer.join(peer);
    topic.on("join", (peer) => printer.join(peer));
    topic.on("leave", (peer) => printer.leave(peer));
    topic.on("update", (peer) => printer.update(peer));
    topic.on("held", ({ peers }) => printer.held(peers));
    topic.on("classic", () => printer.classic());
    topic.on("fault", (fault) => printer.fault(fault));
    topic.on("error", (error) => this.#end(error));
    topic.on("lost", (loss) => {
      printer.lost(loss);
      this.#incomplete();
    });
  }

  /** What came before the end is printed, whatever ends it; but who has closed the output waits for no more. */
  async #print(messages: AsyncIterable<Parameters<Printer["message"]>[0]>): Promise<void> {
    const closed = new AbortController();
    this.#terminal.stdout.on("error", () => {
      closed.abort();
      this.stop();
    });
    for await (const message of messages) {
      await this.#printer.message(message, closed.signal);
    }
  }

  /** Resolves when everybody has what was sent, at the end of the input or, with `--stay`, at the signal. */
  async #sendLines(topic: Topic): Promise<void> {
    const signal = this.#stop.signal;
    const lines = createInterface({ input: this.#terminal.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal });
    let isHeard = true;
    for await (const line of lines) {
      if (line === "") continue;
      isHeard = topic.peers.size > 0;
      try {
        await topic.broadcast(line, { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#printer.failure(error);
        this.#incomplete();
      }
    }
    if (signal.aborted) return;
    if (!isHeard || !this.#request.isStaying) await this.#flush(topic);
    // Of a line that was there before this client had joined, who is in the topic may be known only when they have it.
    if (!isHeard && !signal.aborted && topic.peers.size === 0)
      this.#printer.notice("nobody else was there for the last line");
    if (this.#request.isStaying) await stopped(signal);
  }

  async #flush(topic: Topic): Promise<void> {
    if (this.#request.isPlain) return;
    const { timeoutMs } = this.#request;
    try {
      await topic.flush({ timeoutMs, signal: this.#stop.signal });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#printer.failure(error);
      this.#incomplete();
    }
  }

  #incomplete(): void {
    if (this.#exitCode === ExitCode.success) this.#exitCode = ExitCode.incomplete;
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
