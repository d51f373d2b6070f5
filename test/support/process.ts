import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { PATIENCE_MS } from "./patience.ts";

/** Where Node keeps what it has compiled: half of what a start of the relay takes. */
const COMPILE_CACHE = join(process.cwd(), "node_modules/.cache/postern-tests");

/** How to run a process. */
export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly command?: string;
  /** Where it runs; left out: where the tests do. */
  readonly cwd?: string;
};

/** A process that a test started, and all it has written. Killed when the test ends. */
export class Run {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #wake: (() => void) | undefined;

  /** Runs node with these arguments, or another command. The environment is PATH, Node's cache and what is given, nothing else. */
  constructor(args: readonly string[], { env = {}, command = process.execPath, cwd = process.cwd() }: RunOptions = {}) {
    this.#child = spawn(command, args, {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString();
      this.#wake?.();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
      this.#wake?.();
    });
    this.#exited = once(this.#child, "close").then(([code]: number[]) => code ?? null);
    this.#exited.then(
      () => this.#wake?.(),
      () => this.#wake?.(),
    );
    onTestFinished(async () => {
      this.#child.kill("SIGKILL");
      await this.#exited;
    });
  }

  /** Waits until the output (both streams) matches. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const match = pattern.exec(this.stdout + this.stderr);
      if (match !== null) return match;
      if (performance.now() > deadlineMs || this.#child.exitCode !== null) {
        throw new Error(`never printed ${pattern}:\n${this.stdout}\n${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 100).unref();
      });
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Reads no more of its standard output: it breaks for who writes to it. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  /** Stands still, or goes on, with reading its standard output. */
  pauseOutput(): void {
    this.#child.stdout?.pause();
  }

  resumeOutput(): void {
    this.#child.stdout?.resume();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code; null where a signal ended it. */
  exitCode(): Promise<number | null> {
    return this.#exited;
  }
}
