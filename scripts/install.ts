#!/usr/bin/env node
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Host, requireRoot } from "./service/host.ts";
import { holdsParcel, makeFolder, parcelOf, putParcel } from "./service/parcel.ts";
import { paths, SERVICE } from "./service/paths.ts";
import { type Step, takeSteps } from "./service/step.ts";

/** Installs the relay as a system service, or brings an installation up to date: docs/deploy/systemd.md. */
const HELP = `Installs Postern as a systemd service, or brings it up to date. Run it after "npm ci" and "npm run build".

  --dry-run      say what would be done, and do nothing
  --no-start     do not start or restart the service
  --root DIR     install below this folder, as for an image; nothing is started
  --from DIR     the checkout (default: the one of this script)
  --node FILE    the node to install with it (default: the one that runs this)`;

/** Four times a second, for as long as a start that fails takes on a small machine. */
const LOOK_COUNT = 32;

try {
  const flags = readFlags();
  if (flags.help) print(HELP);
  else await install(new Host(resolve(flags.root)), flags);
} catch (error) {
  process.stderr.write(`install: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

type Flags = ReturnType<typeof readFlags>;

function readFlags() {
  const { values } = parseArgs({
    options: {
      "dry-run": { type: "boolean", default: false },
      "no-start": { type: "boolean", default: false },
      root: { type: "string", default: "/" },
      from: { type: "string", default: resolve(import.meta.dirname, "..") },
      node: { type: "string", default: process.execPath },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  return values;
}

async function install(host: Host, flags: Flags): Promise<void> {
  const isDryRun = flags["dry-run"];
  if (!isDryRun) requireRoot(host);
  const changeCount = takeSteps(stepsFor(host, flags), { isDryRun, print });
  if (!host.isLive || flags["no-start"]) return;
  takeSteps([startStep(host, changeCount > 0)], { isDryRun, print });
  if (!isDryRun) await requireUp(host);
  print(`Options: ${paths.options}. Log: journalctl -u ${SERVICE}. Away again: scripts/uninstall.ts`);
}

/** Starts the service, or starts it anew where its process is older than what is installed, whoever has installed that. */
function startStep(host: Host, hasChanged: boolean): Step {
  const service = host.service(SERVICE);
  const { isUp } = service;
  const isOutdated = isUp && (hasChanged || service.isOlderThan(changedAtMs(host)));
  const verb = isOutdated ? "restart" : "start";
  return {
    title: `${verb} the service`,
    isDone: () => isUp && !isOutdated,
    apply: () => host.run("systemctl", verb, SERVICE),
  };
}

/** When the program or the unit was put in place; 0 where they are not there yet. */
function changedAtMs(host: Host): number {
  const installed = [paths.program, paths.unit].map((path) => statSync(host.path(path), { throwIfNoEntry: false }));
  return Math.max(0, ...installed.map((status) => status?.ctimeMs ?? 0));
}

async function requireUp(host: Host): Promise<void> {
  try {
    await host.service(SERVICE).watch(LOOK_COUNT);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const where = `systemctl status ${SERVICE}; journalctl -u ${SERVICE} -n 20`;
    throw new Error(`everything is in place, but ${reason}. Look at: ${where}`, { cause: error });
  }
}

function stepsFor(host: Host, { from, node }: Flags): readonly Step[] {
  const parcel = parcelOf(from, node);
  const program = host.path(paths.program);
  return [
    {
      title: `copy the relay and its node to ${paths.program}`,
      isDone: () => holdsParcel(program, parcel),
      apply: () => putParcel(program, parcel),
    },
    written(host, paths.sysusers, "postern.sysusers.conf"),
    {
      title: `make the user ${SERVICE}`,
      isDone: () => host.hasUser(SERVICE),
      apply: () => host.run("systemd-sysusers"),
    },
    options(host),
    written(host, paths.unit, "postern.service", () => {
      if (host.isLive) host.run("systemctl", "daemon-reload");
    }),
    {
      title: "start the service at boot",
      isDone: () => host.isEnabled(),
      apply: () => host.run("systemctl", "enable", SERVICE),
    },
  ];
}

/** A file of infra/systemd/, as it is there. */
function written(host: Host, path: string, name: string, afterwards?: () => void): Step {
  const content = readFileSync(resolve(import.meta.dirname, "../infra/systemd", name), "utf8");
  const target = host.path(path);
  return {
    title: `write ${path}`,
    isDone: () => existsSync(target) && readFileSync(target, "utf8") === content,
    apply: () => {
      write(target, content, 0o644);
      afterwards?.();
    },
  };
}

/** The file of options: made once, and the operator's from then on. It may hold secrets. */
function options(host: Host): Step {
  const target = host.path(paths.options);
  return {
    title: `make ${paths.options}, for root alone`,
    isDone: () => existsSync(target) && (statSync(target).mode & 0o777) === 0o600,
    apply: () => {
      const isThere = existsSync(target);
      const source = resolve(import.meta.dirname, "../infra/systemd/postern.env");
      write(target, readFileSync(isThere ? target : source, "utf8"), 0o600);
    },
  };
}

function write(target: string, content: string, mode: number): void {
  makeFolder(dirname(target));
  writeFileSync(target, content, { mode });
  chmodSync(target, mode);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
