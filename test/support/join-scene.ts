import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { expect } from "vitest";
import { run } from "../../client/cli/program.ts";
import type { Output } from "../../client/cli/terminal.ts";
import { ConnectError } from "../../client/errors.ts";
import { eventually } from "./eventually.ts";
import { FakeRelay } from "./fake-relay.ts";

export const ADDRESS = "wss://relay.example.com";

type SceneOptions = { readonly isTerminal?: boolean; readonly env?: Readonly<Record<string, string>> };

/** One run of `join` with a relay in memory, and all that it has written. */
export class JoinScene {
  readonly relay: FakeRelay = new FakeRelay();
  readonly stdin: PassThrough = new PassThrough();
  readonly stdout: PassThrough & Output;
  readonly stderr: PassThrough = new PassThrough();
  readonly signals: EventEmitter = new EventEmitter();
  readonly #env: Readonly<Record<string, string>>;
  #said = "";
  readonly #printed: Buffer[] = [];

  constructor({ isTerminal = false, env = {} }: SceneOptions = {}) {
    this.stdout = Object.assign(new PassThrough(), { isTTY: isTerminal });
    this.#env = env;
    this.stderr.on("data", (chunk: Buffer) => (this.#said += chunk.toString()));
  }

  /** Takes what is printed; without it, standard output is a pipe that nobody reads. */
  reading(): this {
    this.stdout.on("data", (chunk: Buffer) => this.#printed.push(chunk));
    return this;
  }

  get printed(): string {
    return Buffer.concat(this.#printed).toString("latin1");
  }

  get said(): string {
    return this.#said;
  }

  join(...options: readonly string[]): Promise<number> {
    return this.run("join", ADDRESS, "t", ...options);
  }

  run(...argv: readonly string[]): Promise<number> {
    const { stdin, stdout, stderr, signals } = this;
    return run(argv, { env: this.#env, stdin, stdout, stderr, signals }, this.relay.connect);
  }

  /** Resolves when it has joined, and listens. */
  async hasJoined(): Promise<void> {
    await eventually(() => expect(this.said.includes("* joined")).toBe(true));
  }
}

/** A connection that failed for a reason to which Node gives this code. */
export function failure(code: string, message: string = code): ConnectError {
  const cause = new Error("inner", { cause: Object.assign(new Error(message), { code }) });
  return new ConnectError("unreachable", { cause: message === code ? cause.cause : cause });
}
