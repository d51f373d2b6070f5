import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { LineProcess } from "../../support/line-process.ts";

/** Where `ip netns exec` finds what stands in place of files of /etc. */
const FILES = "/etc/netns";

let namespaceCount = 0;

/** A network namespace of its own, with its own /etc/hosts and /etc/resolv.conf. Gone when the test ends. */
export class Namespace {
  readonly name: string;

  /** @param role the end of its name: 8 characters at most, as a user of `ip netns` sees it. */
  constructor(role: string) {
    namespaceCount += 1;
    this.name = `postern-${process.pid}-${namespaceCount}-${role}`;
    onTestFinished(() => {
      run("ip", "netns", "del", this.name);
      rmSync(join(FILES, this.name), { recursive: true, force: true });
    });
    run("ip", "netns", "add", this.name);
    this.ip("link set lo up");
    this.file("hosts", "127.0.0.1 localhost\n");
    // Nothing listens there: a name that is not in the hosts is not found, at once.
    this.file("resolv.conf", "nameserver 127.0.0.1\n");
  }

  /** Has `ip` do this in it, a line each. */
  ip(...lines: readonly string[]): void {
    const input = `${lines.join("\n")}\n`;
    execFileSync("ip", ["-n", this.name, "-batch", "-"], { input, stdio: ["pipe", "ignore", "pipe"] });
  }

  /** Runs a command in it, and waits. @throws with what it said. */
  run(command: string, ...words: readonly string[]): string {
    return run("ip", "netns", "exec", this.name, command, ...words);
  }

  /** Starts a program in it, which ends with the test. */
  start(command: readonly string[], onLine: (line: string) => void = () => undefined): LineProcess {
    return LineProcess.inNamespace(this.name, command, onLine);
  }

  /** What stands in place of a file of /etc for all that is started from now on. */
  file(name: "hosts" | "resolv.conf", text: string): void {
    mkdirSync(join(FILES, this.name), { recursive: true });
    writeFileSync(join(FILES, this.name, name), text);
  }

  /** Sets settings of the kernel: `net.ipv4.ip_forward=1`. */
  set(...settings: readonly string[]): void {
    this.run("sysctl", "-qw", ...settings);
  }
}

/** Lays a wire between two namespaces. @param name of both ends: as long as an interface's may be. */
export function wire(
  name: string,
  one: { at: Namespace; address: string },
  other: { at: Namespace; address: string },
): void {
  one.at.ip(`link add ${name} type veth peer name ${name} netns ${other.at.name}`);
  for (const { at, address } of [one, other]) {
    // Rules about the length of packets would see bundles of them.
    at.ip(`addr add ${address} dev ${name}`, `link set ${name} gso_max_segs 1 up`);
  }
}

function run(command: string, ...words: readonly string[]): string {
  return execFileSync(command, words, { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
}
