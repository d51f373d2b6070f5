import type { Engine } from "./engine.ts";

/** What an image holds beyond the one that it is made from may weigh so much, in MB (10^6 bytes). */
export const MAX_ADDED_MB = 200;

/** The parts of the image, by the folders and files that they are in. */
const PARTS = {
  node: "/usr/local/bin/node",
  modules: "/app/node_modules",
  relay: "/app/dist",
  "allocator and rights": "/usr/local/lib/postern",
} as const;

/** What a part of an image weighs unpacked, in MB. */
export type Weight = { readonly part: string; readonly mb: number };

/** Says what is in an image by running commands in it, as root. */
export class ImageContent {
  readonly #engine: Engine;
  readonly #flags: readonly string[];
  readonly #image: string;

  constructor(engine: Engine, runFlags: readonly string[], image: string) {
    this.#engine = engine;
    this.#flags = runFlags;
    this.#image = image;
  }

  /** What each part weighs, and last the rest: the Debian that the image is made from. */
  async weights(): Promise<readonly Weight[]> {
    const all = await this.#sizeOf("-x", "/");
    const parts: Weight[] = [];
    for (const [part, path] of Object.entries(PARTS)) parts.push({ part, mb: await this.#sizeOf(path) });
    const known = parts.reduce((sum, { mb }) => sum + mb, 0);
    return [...parts, { part: "Debian", mb: all - known }];
  }

  /**
   * All files: kind, mode, owner, place, where a link leads, and the hash of what is in it. Not times, and not what the engine
   * puts in itself.
   */
  async files(): Promise<readonly string[]> {
    const own = ["/proc", "/sys", "/dev", "/run", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"];
    const left = own.map((path) => `-path ${path} -prune -o`).join(" ");
    const list = `find / ${left} -printf '%y %m %U:%G %p %l\\n'`;
    const hashes = `find / ${left} -type f -print0 | xargs -0 sha256sum`;
    return (await this.#shell(`${list}; ${hashes}`)).split("\n").toSorted();
  }

  /** The rights of a process that the image's own command starts, as a bit mask: 0x400 is that to bind low ports. */
  async rights(): Promise<bigint> {
    const said = await this.#run("--entrypoint", "sh", this.#image, "-c", RIGHTS);
    return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(said)?.[1] ?? "0"}`);
  }

  async #sizeOf(...where: readonly string[]): Promise<number> {
    const said = await this.#shell(`du -s --block-size=1000 ${where.join(" ")} 2>/dev/null | tail -n 1`);
    return Number.parseInt(said, 10) / 1000;
  }

  #shell(command: string): Promise<string> {
    return this.#run("--user", "0", "--entrypoint", "sh", this.#image, "-c", command);
  }

  #run(...args: readonly string[]): Promise<string> {
    return this.#engine.output("run", "--rm", "--network", "none", ...this.#flags, ...args);
  }
}

// The command is a script for the shell: with this in the place of its last step it shows the process in place of the relay.
const RIGHTS = "sed 's#^relay=.*#relay=\"cat /proc/self/status\"#' /usr/local/bin/postern | sh";
