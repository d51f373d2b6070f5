#!/usr/bin/env node
import { lstatSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { Host, requireRoot } from "./service/host.ts";
import { besides } from "./service/parcel.ts";
import { paths, SERVICE } from "./service/paths.ts";
import { type Step, takeSteps } from "./service/step.ts";

/** Takes away what install.ts put in place: docs/deploy/systemd.md. */
const HELP = `Stops Postern's systemd service and takes away what install.ts put in place.

  --dry-run      say what would be done, and do nothing
  --purge        also take away the options and the state: certificates and keys
  --root DIR     below this folder`;

try {
  const flags = readFlags();
  if (flags.help) print(HELP);
  else uninstall(new Host(resolve(flags.root)), flags);
} catch (error) {
  process.stderr.write(`uninstall: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function readFlags() {
  const { values } = parseArgs({
    options: {
      "dry-run": { type: "boolean", default: false },
      purge: { type: "boolean", default: false },
      root: { type: "string", default: "/" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  return values;
}

function uninstall(host: Host, { purge, "dry-run": isDryRun }: ReturnType<typeof readFlags>): void {
  if (!isDryRun) requireRoot(host);
  const steps = purge ? [...programSteps(host), ...purgeSteps(host)] : programSteps(host);
  takeSteps(steps, { isDryRun, print });
  if (!purge) print(`  kept: ${paths.configuration}, ${paths.state} and the user ${SERVICE} (--purge)`);
}

function programSteps(host: Host): readonly Step[] {
  return [
    {
      title: "stop the service, which lets it drain",
      isDone: () => !host.isLive || host.service(SERVICE).isStopped,
      apply: () => host.run("systemctl", "stop", SERVICE),
    },
    {
      title: "take the service out of the boot",
      isDone: () => !host.isEnabled(),
      apply: () => host.run("systemctl", "disable", SERVICE),
    },
    removed(host, paths.unit, () => {
      if (host.isLive) host.run("systemctl", "daemon-reload");
    }),
    removed(host, paths.sysusers),
    ...[paths.program, ...besides(paths.program)].map((path) => removed(host, path)),
  ];
}

function purgeSteps(host: Host): readonly Step[] {
  return [
    removed(host, paths.configuration),
    removed(host, paths.state),
    {
      title: `remove the user ${SERVICE}`,
      // In a folder it stays: userdel has no --root that works without a whole system in there.
      isDone: () => !host.isLive || !host.hasUser(SERVICE),
      apply: () => host.run("userdel", SERVICE),
    },
  ];
}

function removed(host: Host, path: string, afterwards?: () => void): Step {
  const target = host.path(path);
  return {
    title: `remove ${path}`,
    // A link that leads nowhere is there too.
    isDone: () => lstatSync(target, { throwIfNoEntry: false }) === undefined,
    apply: () => {
      rmSync(target, { recursive: true });
      afterwards?.();
    },
  };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
