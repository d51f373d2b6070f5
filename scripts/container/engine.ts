import { execFile, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** podman or docker, as a command that takes the same words for both. */
export class Engine {
  readonly #command: string;
  readonly #globalArguments: readonly string[];

  /** @param commandLine the command, and what always stands before its subcommand, with spaces between. */
  constructor(commandLine: string) {
    const [command = "", ...globalArguments] = commandLine.split(" ").filter((word) => word !== "");
    this.#command = command;
    this.#globalArguments = globalArguments;
  }

  /** Whether it is there and works: docker without its daemon does not. */
  works(): boolean {
    return spawnSync(this.#command, [...this.#globalArguments, "info"], { stdio: "ignore" }).status === 0;
  }

  /** Runs a subcommand and gives what it printed, on both streams. Rejects where it fails, with what it said. */
  async run(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await this.#execute(args);
    return `${stdout}${stderr}`.trim();
  }

  /** The same, without what the engine complains about meanwhile. */
  async output(...args: readonly string[]): Promise<string> {
    return (await this.#execute(args)).stdout.trim();
  }

  #execute(args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
    return execute(this.#command, [...this.#globalArguments, ...args], { maxBuffer: 64 * 2 ** 20 });
  }

  /** Runs a subcommand whose output goes into a file, as with `>` of a shell. */
  runInto(file: string, ...args: readonly string[]): Promise<void> {
    return this.#withFile(openSync(file, "w"), (fd) => ["ignore", fd, "inherit"], args);
  }

  /** Runs a subcommand whose input comes from a file, as with `<` of a shell. */
  runFrom(file: string, ...args: readonly string[]): Promise<void> {
    return this.#withFile(openSync(file, "r"), (fd) => [fd, "ignore", "inherit"], args);
  }

  async #withFile(fd: number, stdio: (fd: number) => StdioOptions, args: readonly string[]): Promise<void> {
    const child = spawn(this.#command, [...this.#globalArguments, ...args], { stdio: stdio(fd) });
    const [code] = (await once(child, "close")) as [number | null];
    closeSync(fd);
    if (code !== 0) throw new Error(`${this.#command} ${args.join(" ")}: exit code ${code}`);
  }
}

/** The engine that is asked for, or the first that works here; undefined where none does. */
export function findEngine(commandLine: string | undefined): Engine | undefined {
  const candidates = commandLine === undefined ? ["podman", "docker"] : [commandLine];
  return candidates.map((candidate) => new Engine(candidate)).find((engine) => engine.works());
}
