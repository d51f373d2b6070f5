import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Certificate } from "../certificate.ts";
import { freePort } from "../free-port.ts";
import { processTree } from "../generator/process-usage.ts";

const READY_TIMEOUT_MS = 15_000;

/** A way to run relays on this machine. */
export type Arrangement = {
  readonly name: string;
  readonly relayCount: number;
  readonly start: (certificates: readonly Certificate[], env: Environment) => Promise<Group>;
};

type Environment = Readonly<Record<string, string>>;

const RELAY = new URL("./relay.ts", import.meta.url).pathname;
const CLUSTER_PRIMARY = new URL("./cluster-primary.ts", import.meta.url).pathname;

/** One process first: the others are compared with it. */
export const arrangements: readonly Arrangement[] = [
  { name: "one process", relayCount: 1, start: startOnPortsOfTheirOwn },
  { name: "cluster, round-robin", relayCount: 2, start: (...given) => startCluster("round-robin", ...given) },
  { name: "cluster, SCHED_NONE", relayCount: 2, start: (...given) => startCluster("none", ...given) },
  { name: "SO_REUSEPORT", relayCount: 2, start: startOnSharedPort },
  { name: "a port per process", relayCount: 2, start: startOnPortsOfTheirOwn },
];

/** Relays that run, one per certificate given, in its order. */
export class Group {
  /** Clients take them in turn; relays that share a port have one. */
  readonly ports: readonly number[];
  readonly #children: readonly ChildProcess[];
  readonly #certificates: readonly Certificate[];

  constructor(ports: readonly number[], children: readonly ChildProcess[], certificates: readonly Certificate[]) {
    this.ports = ports;
    this.#children = children;
    this.#certificates = certificates;
  }

  get relayCount(): number {
    return this.#certificates.length;
  }

  /** The relays in the order of their certificates, and behind them the primary of a cluster. */
  pids(): readonly number[] {
    const all = this.#children.flatMap(({ pid = 0 }) => processTree(pid));
    const shown = all.map((pid) => ({ pid, command: readFileSync(`/proc/${pid}/cmdline`, "utf8") }));
    const relays = this.#certificates.map(
      ({ keyPath }) => shown.find(({ command }) => command.includes(RELAY) && command.includes(keyPath))?.pid ?? 0,
    );
    return [...relays, ...all.filter((pid) => !relays.includes(pid))];
  }

  /** Ends what still runs, at once. */
  async stop(): Promise<void> {
    for (const child of this.#children) {
      const exited = once(child, "exit");
      const isOver = child.exitCode !== null || child.signalCode !== null;
      for (const pid of isOver ? [] : processTree(child.pid ?? 0)) process.kill(pid, "SIGKILL");
      if (!isOver) await exited;
    }
  }
}

async function startOnPortsOfTheirOwn(certificates: readonly Certificate[], env: Environment): Promise<Group> {
  const ports = await Promise.all(certificates.map(freePort));
  const children = certificates.map((files, index) => run([RELAY, `${ports[index]}`, ...paths(files)], env));
  await Promise.all(children.map((child) => ready(child, 1)));
  return new Group(ports, children, certificates);
}

async function startOnSharedPort(certificates: readonly Certificate[], env: Environment): Promise<Group> {
  const port = await freePort();
  const shared = { ...env, REUSE_PORT: "true" };
  const children = certificates.map((files) => run([RELAY, `${port}`, ...paths(files)], shared));
  await Promise.all(children.map((child) => ready(child, 1)));
  return new Group([port], children, certificates);
}

async function startCluster(policy: string, certificates: readonly Certificate[], env: Environment): Promise<Group> {
  const port = await freePort();
  const primary = run([CLUSTER_PRIMARY, policy, `${port}`, ...certificates.flatMap(paths)], env);
  await ready(primary, certificates.length);
  return new Group([port], [primary], certificates);
}

function paths({ keyPath, certificatePath }: Certificate): readonly string[] {
  return [keyPath, certificatePath];
}

/** What runs ends with this process, whatever ends it but SIGKILL. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function run(scriptArguments: readonly string[], env: Environment): ChildProcess {
  const child = spawn(process.execPath, scriptArguments, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

/** Waits until so many relays have printed that they listen; a cluster's workers print to the primary's output. */
async function ready(child: ChildProcess, relayCount: number): Promise<void> {
  const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
  let printed = "";
  while (printed.split("\n").length <= relayCount) {
    if (child.stdout === null) throw new Error("a relay was started without an output");
    const [chunk] = (await once(child.stdout, "data", { signal })) as [Buffer];
    printed += chunk.toString();
  }
}
