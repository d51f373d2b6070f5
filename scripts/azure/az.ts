import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Where lines for people go. */
export type Say = (line: string) => void;

/** How to call the Azure CLI. */
export type AzOptions = {
  /** Print each call and make none. */
  readonly isDryRun: boolean;
  readonly say: Say;
  /** Every call names it: the subscription that somebody has chosen for the rest of their work stays chosen. */
  readonly subscription?: string | undefined;
};

/** A call of the Azure CLI that failed, with what it said. */
export class AzError extends Error {
  constructor(args: readonly string[], said: string) {
    super(`az ${args.slice(0, 3).join(" ")} failed: ${said.trim() || "no reason given"}`);
    this.name = "AzError";
  }
}

/** There is no Azure CLI on the PATH. */
export class AzMissing extends Error {
  constructor(options?: ErrorOptions) {
    super(
      "There is no Azure CLI (az) on this machine. Install it, then az login: https://learn.microsoft.com/cli/azure/install-azure-cli",
      options,
    );
    this.name = "AzMissing";
  }
}

/** The only commands that take no --subscription: they ask the directory. */
const OF_THE_DIRECTORY = "ad";

/** The Azure CLI. Every call of the scripts goes through here, so that a dry run can show all and make none. */
export class Az {
  readonly isDryRun: boolean;
  readonly #say: Say;
  readonly #everywhere: readonly string[];

  constructor({ isDryRun, say, subscription }: AzOptions) {
    this.isDryRun = isDryRun;
    this.#say = say;
    this.#everywhere = subscription === undefined ? [] : ["--subscription", subscription];
  }

  /** Whether there is one on the PATH. It is not run. */
  isInstalled(): boolean {
    const folders = (process.env["PATH"] ?? "").split(delimiter);
    return folders.some((folder) => ["az", "az.cmd"].some((name) => existsSync(join(folder, name))));
  }

  /**
   * Makes a call and gives its answer as JSON; in a dry run it prints the call and gives undefined.
   * @throws AzError where the call fails; AzMissing where there is no Azure CLI.
   */
  async json<T>(...args: readonly string[]): Promise<T | undefined> {
    const answer = await this.#run([...args, "--output", "json"], { isShown: false });
    return answer === undefined || answer.trim() === "" ? undefined : (JSON.parse(answer) as T);
  }

  /** Makes a call that shows people what it does. In a dry run it prints the call. */
  async show(...args: readonly string[]): Promise<void> {
    await this.#run(args, { isShown: true });
  }

  async #run(given: readonly string[], { isShown }: { readonly isShown: boolean }): Promise<string | undefined> {
    const args = given[0] === OF_THE_DIRECTORY ? given : [...given, ...this.#everywhere];
    if (this.isDryRun) {
      this.#say(shellLine(args));
      return undefined;
    }
    const { code, stdout, stderr } = await start(args, isShown);
    if (code === 0) return stdout;
    throw new AzError(args, stderr);
  }
}

/** Says after a dry run what the real one would stop at: that there is no Azure CLI. @returns whether there is one. */
export function hasCli(az: Az, say: Say): boolean {
  const isThere = az.isInstalled();
  if (!isThere) say(`# ${new AzMissing().message}`);
  return isThere;
}

/** The call as one line that a shell takes. */
function shellLine(args: readonly string[]): string {
  return ["az", ...args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`))].join(
    " ",
  );
}

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function start(args: readonly string[], isShown: boolean): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn("az", args, { stdio: ["inherit", isShown ? "inherit" : "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout?.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
      if (isShown) process.stderr.write(chunk);
    });
    child.on("error", (cause) => reject(new AzMissing({ cause })));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
