import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LineProcess } from "../support/line-process.ts";

const OBSERVED = ["--import", join(import.meta.dirname, "observed.ts")];

/** How a connection ended, as the relay's access log says. */
export type Closed = { readonly clientAddress: string; readonly closeCode: number };

/** A relay that runs as a process of its own in a network namespace. */
export class LineRelay {
  readonly closes: Closed[] = [];
  /** What it logged that must not be. */
  readonly errors: string[] = [];
  readonly process: LineProcess;
  readonly port: number;
  readonly #scheme: string;
  #memoryBoundMiB = 0;
  #standstillMs = 0;
  #wake: (() => void) | undefined;

  private constructor(namespace: string, port: number, options: readonly string[], preload: readonly string[]) {
    this.port = port;
    this.#scheme = options.includes("off") ? "ws" : "wss";
    const own = ["--host", "0.0.0.0", "--port", `${port}`, "--access-log", "all"];
    const command = [process.execPath, ...OBSERVED, ...preload, "relay/main.ts", "serve", ...own, ...options];
    this.process = LineProcess.inNamespace(namespace, command, (line) => this.#take(line));
  }

  /** @param preload Node's own arguments. */
  static async start(
    namespace: string,
    port: number,
    options: readonly string[],
    preload: readonly string[] = [],
  ): Promise<LineRelay> {
    const relay = new LineRelay(namespace, port, options, preload);
    const timer = setTimeout(() => relay.#wake?.(), 60_000);
    await new Promise<void>((resolve) => {
      relay.#wake = resolve;
    });
    clearTimeout(timer);
    if (relay.#memoryBoundMiB === 0) throw new Error(`the relay did not start:\n${relay.process.printed}`);
    return relay;
  }

  /** What it says at its start that it takes at most. */
  get memoryBoundMiB(): number {
    return this.#memoryBoundMiB;
  }

  /** The time by which it judges its clients: what it stood still is not in it. Only differences mean something. */
  get ownMs(): number {
    return performance.now() - this.#standstillMs;
  }

  /** What it takes now, resident. */
  get rssMiB(): number {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.process.pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1024;
  }

  /** The most it ever took. */
  get peakRssMiB(): number {
    const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${this.process.pid}/status`, "utf8")) ?? [];
    return Number(kib) / 1024;
  }

  /** What is dialled, by this address. */
  url(address: string): string {
    return `${this.#scheme}://${address}:${this.port}/`;
  }

  #take(line: string): void {
    if (!line.startsWith("{")) return;
    const { level, msg, memoryBoundMiB, clientAddress, closeCode, standstillMs } = JSON.parse(line) as Record<
      string,
      unknown
    >;
    if (level === "error") this.errors.push(line);
    if (msg === "listening") {
      this.#memoryBoundMiB = Number(memoryBoundMiB);
      this.#wake?.();
    } else if (msg === "stood still") this.#standstillMs = Number(standstillMs);
    else if (msg === "close") {
      this.closes.push({ clientAddress: String(clientAddress), closeCode: Number(closeCode) });
    }
  }
}
