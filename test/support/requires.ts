import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { it, type TestAPI } from "vitest";
import type { Part } from "../clients/rows.ts";
import { isInstalled } from "../clients/start-client.ts";
import { findBicep } from "../infra/compiler.ts";
import { hasBare } from "./bare.ts";
import { CHROMIUM } from "./browser.ts";
import { FIREFOX } from "./firefox.ts";

/**
 * What CI may skip where it is absent, as `needs` calls it: only what an issue allows by name. The rest `.ci/run` installs. Issue 27
 * allows the client in Rust, whose compiler is larger than all others.
 */
const MAY_BE_ABSENT_IN_CI: ReadonlySet<string> = new Set(["client libraries: rust (test/clients/install.sh)"]);

/** A line as slow as can be: whether the kernel shapes lines at all. */
const SHAPE = ["rate", "64kbit", "burst", "3200", "latency", "500ms"];

/** Whether a command is there and runs. */
function runs(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Tests that need network namespaces of their own, to bind ports that others may use. */
export function itInNamespace(): TestAPI | TestAPI["skip"] {
  return needs(
    runs("unshare", ["--net", "ip", "link", "set", "lo", "up"]) && runs("setpriv", ["--version"]),
    "network namespaces (root, and Debian's util-linux and iproute2)",
  );
}

/** Tests behind a wall: namespaces in which packets are dropped. */
export function itBehindWall(): TestAPI | TestAPI["skip"] {
  return needs(
    runs("unshare", ["--net", "iptables", "-A", "OUTPUT", "-p", "udp", "-j", "DROP"]),
    "network namespaces that drop packets (root, and Debian's iproute2 and iptables)",
  );
}

/** Tests of slow lines: two namespaces, and the programs that are clients in one of them. */
export function itOnShapedLines(): TestAPI | TestAPI["skip"] {
  const hasNamespaces = runs("unshare", ["--net", "tc", "qdisc", "add", "dev", "lo", "root", "tbf", ...SHAPE]);
  const hasClients = existsSync(CHROMIUM) && runs("/usr/bin/python3", ["-c", "import websockets"]);
  return needs(
    hasNamespaces && hasClients,
    "shaped lines and clients (root, and Debian's iproute2, python3-websockets and chromium)",
  );
}

/** Tests that mount file systems in a namespace of their own, and that are another user there. */
export function itWithMounts(): TestAPI | TestAPI["skip"] {
  return needs(
    runs("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]) && runs("setpriv", ["--version"]),
    "mount namespaces (root, and Debian's util-linux and mount)",
  );
}

/** Tests that run a program of Debian that serves, such as a proxy: its package has the command's name. */
export function itWithCommands(...commands: readonly string[]): TestAPI | TestAPI["skip"] {
  const areThere = commands.every((command) => runs("sh", ["-c", `command -v ${command}`]));
  return needs(areThere, `Debian's ${commands.join(" and ")}`);
}

/** Tests that write packets of their own. */
export function itWithRawSockets(): TestAPI | TestAPI["skip"] {
  const program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)";
  return needs(runs("/usr/bin/python3", ["-c", program]), "raw sockets (root, and Python)");
}

/** Tests with coturn's STUN clients. */
export function itWithCoturn(): TestAPI | TestAPI["skip"] {
  const areThere = runs("sh", ["-c", "command -v turnutils_stunclient && command -v turnutils_natdiscovery"]);
  return needs(areThere, "coturn's clients (Debian's coturn)");
}

/** Whether there is an ACME server to test against. */
export const hasPebble: boolean = runs("pebble", ["-h"]) && runs("pebble-challtestsrv", ["-h"]);

/** Tests against a real ACME server. */
export function itWithPebble(): TestAPI | TestAPI["skip"] {
  return needs(hasPebble, "an ACME server (Debian's pebble)");
}

/** Tests of pages in a real browser. */
export function itInBrowser(): TestAPI | TestAPI["skip"] {
  return needs(existsSync(CHROMIUM), "a browser (Debian's chromium)");
}

/** Tests of pages in a real Firefox. */
export function itInFirefox(): TestAPI | TestAPI["skip"] {
  return needs(existsSync(FIREFOX), "a browser (Debian's firefox-esr)");
}

/** Tests of programs on Bare. */
export function itOnBare(): TestAPI | TestAPI["skip"] {
  return needs(hasBare(), "Bare (test/package/bare/install.sh)");
}

/** Tests of the client libraries of test/clients that come with this part. */
export function itWithClients(part: Part): TestAPI | TestAPI["skip"] {
  return part === "chromium"
    ? itInBrowser()
    : needs(isInstalled(part), `client libraries: ${part} (test/clients/install.sh)`);
}

/** Tests that compile the templates of Azure. */
export function itWithBicep(): TestAPI | TestAPI["skip"] {
  return needs(findBicep() !== undefined, "the Bicep compiler (az bicep install, or a bicep on the PATH)");
}

/** Tests that install packages: npm has them in its cache, or a registry is within reach. */
export function itWithRegistry(): TestAPI | TestAPI["skip"] {
  const isThere = runs("npm", [
    "view",
    "--prefer-offline",
    "--fetch-retries=1",
    "--fetch-timeout=10000",
    "ws",
    "version",
  ]);
  return needs(isThere, "npm's cache, or a registry");
}

/** Tests of whole networks: namespaces with routers, firewalls and slow lines. */
export function itWithNetworks(): TestAPI | TestAPI["skip"] {
  const rules =
    "iptables -A FORWARD -m connbytes --connbytes 4: --connbytes-dir original --connbytes-mode packets -j DROP";
  const shape = `tc qdisc add dev lo root tbf ${SHAPE.join(" ")}`;
  return needs(
    runs("unshare", ["--net", "sh", "-c", `${rules} && ${shape} && ip netns list`]) && runs("conntrack", ["--version"]),
    "networks in namespaces (root, and Debian's iproute2, iptables and conntrack)",
  );
}

/** Whether these commands are there. In CI they have to be; elsewhere it is printed what is left out without them. */
export function hasCommands(commands: readonly string[], what: string): boolean {
  const absent = commands.filter((command) => !runs("sh", ["-c", `command -v ${command}`]));
  if (absent.length === 0) return true;
  if (process.env["CI"] === "true") throw new Error(`CI has to have ${absent.join(" and ")} for ${what}`);
  process.stderr.write(`skipped: ${what} needs ${absent.join(" and ")}\n`);
  return false;
}

/** In CI nothing is skipped: what is absent there fails at once. Elsewhere the reason is printed. */
function needs(isThere: boolean, what: string): TestAPI | TestAPI["skip"] {
  if (isThere) return it;
  if (process.env["CI"] === "true" && !MAY_BE_ABSENT_IN_CI.has(what)) throw new Error(`CI has to have ${what}`);
  process.stderr.write(`skipped: needs ${what}\n`);
  return it.skip;
}
