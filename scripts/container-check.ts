#!/usr/bin/env node
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ContainerScene } from "./container/container-scene.ts";
import { type Engine, findEngine } from "./container/engine.ts";
import { Pebble } from "./loopback/pebble.ts";

/** Builds the image and runs it, against an authority on this machine: docs/deploy/docker.md. Not part of `npm test`. */
const HELP = `Builds the image with podman or docker, runs it, stops it and starts it again. Needs Linux, and for the
certificates Debian's pebble. Says why and exits with 0 where there is no engine.

  --image NAME       check this image, and do not build
  --engine COMMAND   the engine, with its global options (default: podman or docker, whichever works)
  --run-flags=FLAGS  further flags for its "run", as in --run-flags="--ulimit nofile=20000:20000"`;

const { values } = parseArgs({
  options: {
    image: { type: "string" },
    engine: { type: "string" },
    "run-flags": { type: "string", default: "" },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) print(HELP);
else await main();

async function main(): Promise<void> {
  const engine = findEngine(values.engine);
  const hasPebble = spawnSync("pebble", ["-h"]).error === undefined;
  if (engine === undefined)
    print(
      `not run: ${values.engine ?? "neither podman nor docker"} ${values.engine === undefined ? "works" : "does not work"} here`,
    );
  else if (!hasPebble) print("not run: there is no ACME server (Debian's pebble)");
  else await check(engine);
}

async function check(engine: Engine): Promise<void> {
  const image = values.image ?? (await build(engine));
  const pebble = await Pebble.start();
  const runFlags = values["run-flags"].split(" ").filter((flag) => flag !== "");
  const scene = new ContainerScene({ engine, pebble, print, runFlags }, image);
  try {
    await scene.firstStart();
    await scene.secondStart();
    await scene.restoredStart();
    print("the container does what it should");
  } catch (error) {
    process.stderr.write(`container-check: ${error instanceof Error ? error.message : String(error)}\n`);
    process.stderr.write(`${await scene.logs().catch(() => "it left no log")}\n`);
    process.exitCode = 1;
  } finally {
    await scene.remove();
    await pebble.stop();
  }
}

async function build(engine: Engine): Promise<string> {
  const image = "localhost/postern:check";
  await engine.run("build", "--tag", image, resolve(import.meta.dirname, ".."));
  print(`ok: the image builds, as ${image}`);
  return image;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
