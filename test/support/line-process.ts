import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";

/** A program that tells what happens, a line each. It ends with the test, with all its children. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  /** What it wrote beside its lines: for messages of failures. */
  printed = "";

  /** @param onLine gets each line of its standard output, and of its standard error. */
  constructor(command: readonly [string, ...string[]], onLine: (line: string) => void) {
    const [program, ...words] = command;
    this.#child = spawn(program, words, {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#exited = once(this.#child, "close");
    for (const stream of [this.#child.stdout, this.#child.stderr]) this.#readLines(stream, onLine);
    // What is written to one that has ended is lost, and that is seen by what it does not tell.
    this.#child.stdin?.on("error", () => undefined);
    onTestFinished(() => this.end());
  }

  /** Starts one in a network namespace. */
  static inNamespace(namespace: string, command: readonly string[], onLine: (line: string) => void): LineProcess {
    return new LineProcess(["ip", "netns", "exec", namespace, ...command], onLine);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Sends a signal to it and its children. */
  signal(signal: NodeJS.Signals): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(-this.pid, signal);
  }

  /** Asks it to stop, and waits until it has. */
  async stop(): Promise<void> {
    this.signal("SIGTERM");
    await this.#exited;
  }

  async end(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exited;
  }

  #readLines(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): void {
    let rest = "";
    stream?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (!line.startsWith("{")) this.printed = `${this.printed}${line.slice(0, 500)}\n`.slice(-4000);
        onLine(line);
      }
    });
  }
}
