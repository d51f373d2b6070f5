import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A process that is one end of a topic, so that its CPU time is that of the client and of nothing else. */
export class EndProcess<Request extends object> {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts a program with its setting as its argument, as JSON. Resolves when it has said its first number: it has joined. */
  static async open<Request extends object>(path: URL, setting: object): Promise<EndProcess<Request>> {
    const end = new EndProcess<Request>(fork(path, [JSON.stringify(setting)]));
    await end.#answered();
    return end;
  }

  /** Asks one thing at a time. @throws Error where the process has ended */
  ask(request: Request): Promise<number> {
    const answered = this.#answered();
    this.#child.send(request);
    return answered;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  async #answered(): Promise<number> {
    const over = new AbortController();
    const ended = once(this.#child, "exit", { signal: over.signal }).then(() => {
      throw new Error("an end has ended");
    });
    const answered = once(this.#child, "message", { signal: over.signal }) as Promise<[number]>;
    try {
      const [value] = await Promise.race([answered, ended]);
      return value;
    } finally {
      ended.catch(() => undefined);
      answered.catch(() => undefined);
      over.abort();
    }
  }
}

/** The other side of it: answers what this process is asked, and ends with its parent. Says that it is ready. */
export function serveEnd(answer: (request: never) => Promise<number>): void {
  process.on("message", (request) => {
    answer(request as never).then(
      (value) => process.send?.(value),
      () => process.exit(1),
    );
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.(0);
}

/** @returns the CPU time of this process in microseconds, user and system. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
