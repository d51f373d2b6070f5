import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as after } from "node:timers/promises";
import type { ServerCommand } from "../bench/server-command.ts";
import { accepts } from "../loopback/accepts.ts";

const START_TIMEOUT_MS = 15_000;
const START_POLL_MS = 10;
/** A planned stop may take as long as the server's own limit: Centrifugo's is 30 s. */
const STOP_TIMEOUT_MS = 40_000;

/** Every process that was started here and has not ended. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A server that is killed and started again, always by the same command. */
export class ServerProcess {
  readonly #command: ServerCommand;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #errors = "";
  /** Those that were told to end: they may still have to close when the next one runs. */
  readonly #toEnd = new WeakSet<ChildProcess>();
  #death: string | undefined;

  constructor(command: ServerCommand, port: number) {
    this.#command = command;
    this.#port = port;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What it wrote last, where it has ended without having been asked to. */
  get death(): string | undefined {
    return this.#death;
  }

  /** Resolves as soon as it accepts connections. @throws Error with what it wrote, where it does not come up. */
  async start(): Promise<void> {
    const [program, ...programArguments] = this.#command;
    const child = spawn(program, programArguments, { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    running.add(child);
    child.on("error", () => running.delete(child));
    child.on("close", (code) => {
      running.delete(child);
      if (!this.#toEnd.has(child)) this.#death ??= `exit code ${code}: ${this.#errors.trim()}`;
    });
    child.stderr?.on("data", (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-2000)));
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (!(await accepts(this.#port))) {
      if (hasEnded(child) || performance.now() > deadlineMs) {
        await this.kill();
        throw new Error(`${program} did not start: ${this.#errors.trim()}`);
      }
      await after(START_POLL_MS);
    }
  }

  /** Ends it without a word, and waits until it is gone. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Asks it to end, and waits until it has. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#toEnd.add(child);
    if (hasEnded(child)) return;
    const exited = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }
}

function hasEnded({ exitCode, signalCode, pid }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null || pid === undefined;
}
