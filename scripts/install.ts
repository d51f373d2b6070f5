#!/usr/bin/env node
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Host, requireRoot } from "./service/host.ts";
import { holdsParcel, parcelOf, putParcel } from "./service/parcel.ts";
import { paths, SERVICE } from "./service/paths.ts";
import { type Step, takeSteps } from "./service/step.ts";

/** Installs the relay as a system service, or brings an installation up to date: docs/deploy/systemd.md. */
const HELP = `Installs Postern as a systemd service, or brings it up to date. Run it after "npm ci" and "npm run build".

  --dry-run      say what would be done, and do nothing
  --no-start     do not start or restart the service
  --root DIR     install below this folder, as for an image; nothing is started
  --from DIR     the checkout (default: the one of this script)
  --node FILE    the node to install with it (default: the one that runs this)`;

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

try {
  if (values.help) print(HELP);
  else install(new Host(resolve(values.root)));
} catch (error) {
  process.stderr.write(`install: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function install(host: Host): void {
  if (!values["dry-run"]) requireRoot(host);
  const isRunning = host.isActive(SERVICE);
  const how = { isDryRun: values["dry-run"], print };
  const changeCount = takeSteps(stepsFor(host), how);
  if (!host.isLive || values["no-start"]) return;
  const start = changeCount > 0 && isRunning ? "restart" : "start";
  const started = { title: `${start} the service`, isDone: () => start === "start" && isRunning };
  takeSteps([{ ...started, apply: () => host.run("systemctl", start, SERVICE) }], how);
  print(`Options: ${paths.options}. Log: journalctl -u ${SERVICE}. Away again: scripts/uninstall.ts`);
}

function stepsFor(host: Host): readonly Step[] {
  const parcel = parcelOf(values.from, values.node);
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
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content, { mode });
  chmodSync(target, mode);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
