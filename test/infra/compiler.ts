import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";

/** One complaint of the compiler or of its linter. */
export type Diagnostic = { readonly code: string; readonly message: string; readonly source: string };

/** A template as Azure gets it, and what was said about it. */
export type Compiled = {
  readonly success: boolean;
  readonly diagnostics: readonly Diagnostic[];
  /** Null where it does not compile. */
  readonly contents: string | null;
};

/** Where a deployment goes: what an evaluation may know of it. */
export type Deployment = { readonly location: string; readonly resourceGroup?: string };

/** A resource as a deployment would make it; `[...]` is an expression that Azure has to be asked for. */
export type Resource = {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly [property: string]: unknown;
};

/** What a deployment would make and put out. */
export type Snapshot = {
  readonly predictedResources: readonly Resource[];
  readonly outputs: Readonly<Record<string, unknown>>;
};

/** Why an evaluation was refused: what the compiler or `fail()` of a template says. */
export class Refusal extends Error {}

const SUBSCRIPTION = "00000000-0000-0000-0000-000000000001";
const TENANT = "00000000-0000-0000-0000-000000000002";

/** The program: on the PATH, in a tools folder beside the checkout, or where `az bicep install` has it; else undefined. */
export function findBicep(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...folders, resolve("../shared/tools"), join(homedir(), ".azure/bin")]
    .map((folder) => join(folder, "bicep"))
    .find((path) => existsSync(path));
}

type Answer = {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly data?: { readonly message: string } };
};

/**
 * The Bicep compiler as one process that answers many questions: it takes seconds to start, and then less than one each.
 * Whoever makes one stops it.
 */
export class Compiler {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #unread: Buffer = Buffer.alloc(0);
  #lastId = 0;

  /** @throws Error where there is no compiler. */
  constructor() {
    const path = findBicep();
    if (path === undefined) throw new Error("There is no Bicep compiler: az bicep install");
    this.#child = spawn(path, ["jsonrpc", "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#child.on("exit", (code) => this.#end(`the compiler ended with ${code}`));
  }

  /** Ends the process. */
  stop(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }

  /** Compiles and lints a template. */
  async compile(path: string): Promise<Compiled> {
    return (await this.#ask("bicep/compile", { path: resolve(path) })) as Compiled;
  }

  /** Compiles a file of parameters against its template. */
  async compileParameters(path: string): Promise<{ readonly diagnostics: readonly Diagnostic[] }> {
    const asked = { path: resolve(path), parameterOverrides: {} };
    return (await this.#ask("bicep/compileParams", asked)) as { readonly diagnostics: readonly Diagnostic[] };
  }

  /** The text of a file as the formatter writes it. */
  async format(path: string): Promise<string> {
    const { contents } = (await this.#ask("bicep/format", { path: resolve(path) })) as { readonly contents: string };
    return contents;
  }

  /**
   * Evaluates a file of parameters and its template.
   * @throws Refusal where one of them refuses.
   */
  async snapshot(path: string, { location, resourceGroup }: Deployment): Promise<Snapshot> {
    const metadata = {
      tenantId: TENANT,
      subscriptionId: SUBSCRIPTION,
      resourceGroup,
      location,
      deploymentName: "relay",
    };
    const answer = this.#ask("bicep/getSnapshot", { path: resolve(path), metadata, externalInputs: [] });
    const { snapshot } = (await answer.catch(async (error: Error) => {
      // That alone is said of a file that does not compile.
      if (error.message !== "Compilation failed") throw error;
      const { diagnostics } = await this.compileParameters(path);
      throw new Refusal(diagnostics.map(({ message }) => message).join("\n"), { cause: error });
    })) as { readonly snapshot: string };
    return JSON.parse(snapshot) as Snapshot;
  }

  #ask(method: string, params: object): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const text = JSON.stringify({ jsonrpc: "2.0", id, method, params });
    return new Promise((answered, refused) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) answered(result);
        else refused(new Refusal(error.data?.message ?? error.message));
      });
      this.#child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    });
  }

  /** Answers come as in LSP: a header with the length, an empty line, JSON. */
  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const end = this.#unread.indexOf("\r\n\r\n");
      if (end === -1) return;
      const [, length] = /Content-Length: (\d+)/i.exec(this.#unread.subarray(0, end).toString()) ?? [];
      const next = end + 4 + Number(length);
      if (this.#unread.length < next) return;
      const answer = JSON.parse(this.#unread.subarray(end + 4, next).toString()) as Answer;
      this.#unread = this.#unread.subarray(next);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    }
  }

  #end(why: string): void {
    for (const [id, answer] of this.#waiting) answer({ id, error: { message: why } });
    this.#waiting.clear();
  }
}
