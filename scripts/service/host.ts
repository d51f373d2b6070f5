import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { paths } from "./paths.ts";
import { RunningService } from "./running-service.ts";

const LOOK_EVERY_MS = 250;

async function pause(): Promise<void> {
  await setTimeout(LOOK_EVERY_MS);
}

/** On Linux this is the clock that systemd calls monotonic. */
function uptimeMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** The machine, or a folder that stands for the root of one, as when an image is made. */
export class Host {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** Whether it is this machine, which runs, and no folder. */
  get isLive(): boolean {
    return this.#root === "/";
  }

  /** Where a path of the host is. */
  path(absolute: string): string {
    return join(this.#root, absolute);
  }

  /** Whether the host has a user of this name. */
  hasUser(name: string): boolean {
    const users = this.path("/etc/passwd");
    return existsSync(users) && new RegExp(`^${name}:`, "m").test(readFileSync(users, "utf8"));
  }

  /** Whether the service starts at boot: the link is there, wherever it leads to within this host. */
  isEnabled(): boolean {
    return lstatSync(this.path(paths.wanted), { throwIfNoEntry: false }) !== undefined;
  }

  /** A service of this machine. */
  service(unit: string): RunningService {
    const show = (properties: readonly string[]): string => {
      const asked = ["show", unit, `--property=${properties.join(",")}`];
      const { stdout, error } = spawnSync("systemctl", asked, { encoding: "utf8" });
      return error === undefined ? stdout : "";
    };
    return new RunningService({ show, pause, uptimeMs, epochMs: Date.now });
  }

  /** Runs a command that takes `--root`, for this host. Throws where it fails. */
  run(command: string, ...args: readonly string[]): void {
    const rooted = this.isLive ? args : [`--root=${this.#root}`, ...args];
    const { status, error, stderr } = spawnSync(command, rooted, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${command} ${rooted.join(" ")}: ${error?.message ?? stderr.trim()}`);
  }
}

/** Throws where this process may not change the host. */
export function requireRoot(host: Host): void {
  if (host.isLive && process.getuid?.() !== 0)
    throw new Error("this changes the system: run it with sudo, or with --dry-run");
}
