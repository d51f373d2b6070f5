import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "./paths.ts";

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

  /** Whether a service runs now; never in a folder. */
  isActive(unit: string): boolean {
    return this.isLive && spawnSync("systemctl", ["is-active", "--quiet", unit]).status === 0;
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
