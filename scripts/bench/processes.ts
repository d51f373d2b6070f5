import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { accepts } from "../loopback/accepts.ts";
import type { Certificate } from "./certificate.ts";
import type { Contestant } from "./contestants.ts";
import { freePort } from "./free-port.ts";
import type { Task, TaskResult } from "./generator/task.ts";

const START_TIMEOUT_MS = 10_000;
const START_POLL_MS = 20;
const STOP_TIMEOUT_MS = 3000;
/** Joins, warm-up, measurement and a correctness pass all end well before; thousands of joins take the longest. */
const GENERATOR_TIMEOUT_MS = 240_000;
/** Of what a server prints. */
const KEPT_CHARACTERS = 4000;

const GENERATOR_PATH = new URL("./generator/main.ts", import.meta.url).pathname;

/** Every process that this one started and that has not ended. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A contestant that accepts connections. */
export type Server = {
  readonly port: number;
  readonly pid: number;
  /** Its own, in which it runs. */
  readonly directory: string;
  /** The beginning of what it has printed. */
  readonly printed: () => string;
  stop(): Promise<void>;
};

/** How a server is started. */
type ServerOptions = {
  /** Words before the command. */
  readonly prefix: readonly string[];
  /** For what it writes. */
  readonly directory: string;
  /** The packed relay, where the contestant is the relay. */
  readonly relayProgram: string;
  /** Variables besides those of this process. */
  readonly environment: Environment;
};

type Environment = Readonly<Record<string, string>>;

/** Starts a contestant on a free port. @throws Error with what it printed, where it does not come up. */
export async function startServer(
  contestant: Contestant,
  { keyPath, certificatePath }: Certificate,
  { prefix, directory: parent, relayProgram, environment }: ServerOptions,
): Promise<Server> {
  const port = await freePort();
  const directory = mkdtempSync(join(parent, "server-"));
  const setting = { port, keyPath, certificatePath, directory, relayProgram };
  // The relay keeps its registrations there; nobody else reads it.
  const state = { STATE_DIRECTORY: join(directory, "state") };
  const child = start([...prefix, ...contestant.command(setting)], {
    environment: { ...state, ...environment },
    directory,
  });
  const printed = collectStart(child);
  const output = collect(child);
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await stop(child);
      throw new Error(`${contestant.name} did not start: ${output()}`);
    }
    await after(START_POLL_MS);
  }
  return { port, pid: child.pid ?? 0, directory, printed, stop: () => stop(child) };
}

/** Runs a generator to its end. @throws Error with what it printed, where it fails. */
export async function runGenerator(task: Task, prefix: readonly string[]): Promise<TaskResult> {
  const child = start([...prefix, process.execPath, GENERATOR_PATH, JSON.stringify(task)]);
  const printed: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => printed.push(chunk));
  const errors = collect(child);
  const timer = setTimeout(() => child.kill("SIGKILL"), GENERATOR_TIMEOUT_MS);
  await once(child, "close");
  clearTimeout(timer);
  if (child.exitCode !== 0) throw new Error(`the generator failed: ${errors()}`);
  return JSON.parse(Buffer.concat(printed).toString()) as TaskResult;
}

function start(
  [program = "", ...programArguments]: readonly string[],
  { environment = {}, directory }: { readonly environment?: Environment; readonly directory?: string } = {},
): ChildProcess {
  // A packed program asks the path for its Node: it is to be this one.
  const path = [dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const env = { ...process.env, PATH: path, ...environment };
  const child = spawn(program, programArguments, { stdio: ["ignore", "pipe", "pipe"], env, cwd: directory });
  running.add(child);
  child.on("error", () => running.delete(child));
  child.on("exit", () => running.delete(child));
  return child;
}

/** Keeps the beginning of what a process prints; the rest is thrown away. */
function collectStart(child: ChildProcess): () => string {
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    if (text.length < KEPT_CHARACTERS) text += chunk.toString();
  });
  return () => text;
}

/** Keeps the end of what a process writes to its error output. */
function collect(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => (text = (text + chunk.toString()).slice(-2000)));
  return () => text.trim();
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
