import { accessSync, constants, globSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** What must be installed: a program, an npm package, or a file, which may be named by a pattern. */
export type Need = { readonly program: string } | { readonly npmPackage: string } | { readonly file: string };

/** Where docs/benchmarks.md has the peers built: programs in `bin`, npm packages in `node_modules`. */
const PEERS_FOLDER: string = process.env["PEERS"] ?? join(homedir(), ".cache", "postern-bench");

/** Whether it is on this machine. */
export function isThere(need: Need): boolean {
  if ("program" in need) return findProgram(need.program) !== undefined;
  return "file" in need ? globSync(need.file).length > 0 : packagePath(need.npmPackage) !== undefined;
}

/** The program that a command means: what was built for the benchmark goes before what the system has. */
export function programPath(name: string): string {
  return findProgram(name) ?? name;
}

/** Where a package of the peers' folder, or one of this repository, begins; undefined where there is none. */
export function packagePath(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name, { paths: [PEERS_FOLDER, import.meta.dirname] });
  } catch {
    return undefined;
  }
}

function findProgram(name: string): string | undefined {
  const ofPeers = ["bin", "node_modules/.bin"].map((folder) => join(PEERS_FOLDER, folder));
  const folders = [...ofPeers, ...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
