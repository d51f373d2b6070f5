#!/usr/bin/env node
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ContainerScene } from "./container/container-scene.ts";
import { type Engine, findEngine } from "./container/engine.ts";
import { ImageContent, MAX_ADDED_MB } from "./container/image-content.ts";
import { Pebble } from "./loopback/pebble.ts";

/** Builds the image and runs it, against an authority on this machine: docs/deploy/docker.md. Not part of `npm test`. */
const HELP = `Builds the image with podman or docker, runs it, stops it and starts it again. Needs Linux, and for the
certificates Debian's pebble. Says why and exits with 0 where there is no engine.

  --image NAME       check this image, and do not build
  --build-flags=FLAGS  further flags for its "build", as in --build-flags="--network host"
  --ca-file PATH     the authority of a proxy that intercepts TLS, for the build
  --twice            build a second time without a cache, and compare all files
  --engine COMMAND   the engine, with its global options (default: podman or docker, whichever works)
  --run-flags=FLAGS  further flags for its "run", as in --run-flags="--ulimit nofile=20000:20000"`;

/** The bit of CAP_NET_BIND_SERVICE. */
const LOW_PORTS = 0x400n;

const { values } = parseArgs({
  options: {
    image: { type: "string" },
    engine: { type: "string" },
    "run-flags": { type: "string", default: "" },
    "build-flags": { type: "string", default: "" },
    "ca-file": { type: "string" },
    twice: { type: "boolean", default: false },
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
  const image = values.image ?? (await build(engine, "localhost/postern:check"));
  const pebble = await Pebble.start();
  const runFlags = wordsOf(values["run-flags"]);
  const scene = new ContainerScene({ engine, pebble, print, runFlags }, image);
  try {
    await inspect(new ImageContent(engine, runFlags, image));
    if (values.twice) await compare(engine, runFlags, image);
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

/** Looks at what the builder has left in the image: its weight, and the right to bind low ports. */
async function inspect(content: ImageContent): Promise<void> {
  const weights = await content.weights();
  const added = weights.slice(0, -1).reduce((sum, { mb }) => sum + mb, 0);
  for (const { part, mb } of weights) print(`    ${mb.toFixed(1).padStart(6)} MB  ${part}`);
  if (added >= MAX_ADDED_MB) throw new Error(`the image adds ${added.toFixed(1)} MB, and ${MAX_ADDED_MB} at most`);
  print(`ok: the image adds ${added.toFixed(1)} MB to its Debian, less than ${MAX_ADDED_MB}`);
  if (((await content.rights()) & LOW_PORTS) === 0n) throw new Error("the builder lost the right to bind low ports");
  print("ok: the command of the image hands the right to bind low ports to an ordinary user");
}

/** Builds once more, from nothing, and compares. */
async function compare(engine: Engine, runFlags: readonly string[], image: string): Promise<void> {
  const again = await build(engine, "localhost/postern:again", "--no-cache");
  const first = await new ImageContent(engine, runFlags, image).files();
  const second = new Set(await new ImageContent(engine, runFlags, again).files());
  const different = first.filter((line) => !second.has(line));
  if (different.length > 0 || first.length !== second.size) {
    throw new Error(`two builds of one commit differ:\n${different.slice(0, 20).join("\n")}`);
  }
  print(`ok: a second build from nothing has the same ${first.length} lines of files, modes, owners and hashes`);
}

async function build(engine: Engine, image: string, ...flags: readonly string[]): Promise<string> {
  const { "ca-file": caFile, "build-flags": given } = values;
  const ca = caFile === undefined ? [] : ["--build-arg", `EXTRA_CA=${readFileSync(caFile, "utf8")}`];
  const folder = resolve(import.meta.dirname, "..");
  await engine.run("build", ...wordsOf(given), ...flags, ...ca, "--tag", image, folder);
  print(`ok: the image builds, as ${image}`);
  return image;
}

function wordsOf(text: string): readonly string[] {
  return text.split(" ").filter((word) => word !== "");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
