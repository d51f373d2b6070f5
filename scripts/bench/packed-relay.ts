import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** A relay as npm installs it. */
export type PackedRelay = {
  /** The last commit that changed it, and whether files were changed since. */
  readonly version: string;
  /** The program that its package.json names in `bin`: it is started as a user starts it. */
  readonly program: string;
};

/** For git: what a relay is made of. The page that its figures go to, and what measures them, is no part of it. */
const RELAY_PATHS = [".", ":!docs", ":!test", ":!scripts", ":!*.md", ":!knip.json"];

const TREE = new URL("../../", import.meta.url).pathname;

/** Builds and packs the working tree as it is. @throws Error with what npm said, where that fails. */
export function packTree(directory: string): PackedRelay {
  const isChanged = git("status", "--porcelain", "--", ...RELAY_PATHS) !== "";
  const version = `${git("log", "-1", "--format=%h", "--", ...RELAY_PATHS)}${isChanged ? " with changes" : ""}`;
  return { version, program: pack(TREE, join(directory, "tree")) };
}

/**
 * Builds and packs a commit in a git worktree, with its own modules where it wants others than the working tree has.
 * @param ref whatever git takes for a commit.
 * @throws Error where there is no such commit, or it does not build.
 */
export function packRef(ref: string, directory: string): PackedRelay {
  const commit = commitOf(ref);
  const worktree = worktreeIn(directory);
  git("worktree", "add", "--quiet", "--detach", worktree, commit);
  if (textOf(TREE, "package-lock.json") === textOf(worktree, "package-lock.json")) {
    symlinkSync(join(TREE, "node_modules"), join(worktree, "node_modules"));
  } else npm(worktree, "ci", "--no-audit", "--no-fund");
  return {
    version: git("log", "-1", "--format=%h", commit, "--", ...RELAY_PATHS),
    program: pack(worktree, join(directory, "ref")),
  };
}

/** Takes the worktree away that `packRef` made; its relay cannot start afterwards. */
export function removeWorktree(directory: string): void {
  if (existsSync(worktreeIn(directory))) git("worktree", "remove", "--force", worktreeIn(directory));
}

function commitOf(ref: string): string {
  try {
    return git("rev-parse", "--verify", "--end-of-options", `${ref}^{commit}`);
  } catch (cause) {
    throw new Error(`git knows no commit ${ref}`, { cause });
  }
}

function worktreeIn(directory: string): string {
  return join(directory, "worktree");
}

/** @returns the packed program. Its modules are those of where it was built. */
function pack(from: string, to: string): string {
  mkdirSync(to, { recursive: true });
  const packed = JSON.parse(npm(from, "pack", "--json", "--silent", "--pack-destination", to)) as unknown;
  execFileSync("tar", ["-xzf", join(to, fileNameOf(packed)), "-C", to]);
  symlinkSync(join(from, "node_modules"), join(to, "node_modules"));
  const packageFolder = join(to, "package");
  const { bin } = JSON.parse(textOf(packageFolder, "package.json")) as {
    readonly bin: string | Readonly<Record<string, string>>;
  };
  const program = join(packageFolder, (typeof bin === "string" ? bin : Object.values(bin)[0]) ?? "");
  // As npm does when it installs it.
  chmodSync(program, 0o755);
  return program;
}

/** What `npm pack --json` says: a list, or in newer versions an object, of packages. */
function fileNameOf(packed: unknown): string {
  const [first] = Object.values(packed as object) as [{ readonly filename: string }?];
  if (first === undefined) throw new Error("npm pack has packed nothing");
  return first.filename;
}

function textOf(folder: string, name: string): string {
  return readFileSync(join(folder, name), "utf8");
}

function git(...words: readonly string[]): string {
  return run(TREE, "git", words).trim();
}

function npm(folder: string, ...words: readonly string[]): string {
  return run(folder, "npm", words);
}

function run(folder: string, program: string, words: readonly string[]): string {
  // What npm sets for the command that started this one is of the working tree, and not of the other.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return execFileSync(program, words, { cwd: folder, encoding: "utf8", env, stdio: ["ignore", "pipe", "pipe"] });
}
