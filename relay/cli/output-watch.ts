import type { Writable } from "node:stream";
import { ExitCode, type Terminal } from "./terminal.ts";

/**
 * Listens for the errors of the process's own streams, which would end it else: with a trace in place of a message, and a
 * relay without a drain.
 */
export class OutputWatch {
  readonly #terminal: Terminal;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.stdout.on("error", (error: NodeJS.ErrnoException) => {
      this.#failure ??= error;
    });
    terminal.stderr.on("error", () => undefined);
  }

  /**
   * How a command ends whose results went to standard output. Who has read enough of them (`| head`) is content.
   * @param exitCode how it would end.
   */
  async exitCode(exitCode: number): Promise<number> {
    if (exitCode !== ExitCode.success) return exitCode;
    await written(this.#terminal.stdout);
    const code = this.#failure?.code ?? this.#failure?.message;
    if (code === undefined || code === "EPIPE") return exitCode;
    this.#terminal.stderr.write(`postern: the output could not be written: ${code}\n`);
    return ExitCode.failed;
  }
}

/** Resolves when everything before it is written, or lost. */
async function written(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write("", () => resolve());
  });
}
