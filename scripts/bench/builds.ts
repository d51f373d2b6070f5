import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PackedRelay, packRef, packTree, removeWorktree } from "./packed-relay.ts";

/** The relays to be measured, and a folder for all that the benchmark writes. */
export type Builds = {
  readonly directory: string;
  /** The working tree's. */
  readonly head: PackedRelay;
  /** What it is compared with, where it is. */
  readonly base?: PackedRelay;
};

/** Carries them to the process in the namespace, where npm has no network. */
const VARIABLE = "POSTERN_BENCH_BUILDS";

/** What the process outside the namespace has built; undefined where this is that process. */
export function givenBuilds(): Builds | undefined {
  const given = process.env[VARIABLE];
  return given === undefined ? undefined : (JSON.parse(given) as Builds);
}

/** The variable by which a process inside finds them. */
export function toEnvironment(builds: Builds): Readonly<Record<string, string>> {
  return { [VARIABLE]: JSON.stringify(builds) };
}

/**
 * Builds and packs, and has them removed when this process ends.
 * @param ref what to compare with; undefined for nothing.
 * @param say is told of each step.
 */
export function prepareBuilds(ref: string | undefined, say: (line: string) => void): Builds {
  const directory = mkdtempSync(join(tmpdir(), "postern-bench-"));
  process.on("exit", () => {
    removeWorktree(directory);
    rmSync(directory, { recursive: true, force: true });
  });
  say("building the working tree");
  const head = packTree(directory);
  if (ref === undefined) return { directory, head };
  say(`building ${ref}`);
  return { directory, head, base: packRef(ref, directory) };
}
