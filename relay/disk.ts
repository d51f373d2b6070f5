import { randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

/** A write takes milliseconds. A temporary file that is older than this was left by a process that is gone. */
const LEFTOVER_AGE_MS = 60_000;
const TEMPORARY_FILE = /^\.[a-z0-9-]{1,100}\.[0-9a-f]{16}\.tmp$/;

const DENIED = new Set(["EACCES", "EPERM", "EROFS", "ELOOP", "ENOTDIR", "EEXIST"]);
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** What systems answer that cannot sync a directory: Windows, and some network file systems. */
const NO_DIRECTORY_SYNC = new Set(["EINVAL", "EISDIR", "EPERM", "EACCES", "ENOTSUP", "EBADF"]);

/** What is wrong with a disk, as far as its code tells: `unreachable` may come back by itself. */
export type DiskFault = "denied" | "full" | "unreachable";

/** The fault that a code of the system stands for. */
export function diskFaultOf(code: string): DiskFault {
  if (DENIED.has(code)) return "denied";
  return FULL.has(code) ? "full" : "unreachable";
}

/** The code of an error of the system, such as `ENOSPC`. */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
}

/**
 * Puts a file in place of another: written beside it, synced, renamed. A kill at any moment leaves the old file or the new
 * one, and once this resolves it is the new one. Clears away what an earlier process left half written.
 * @param path its name without the extension is of `a-z`, `0-9` and `-`.
 * @param write fills the file.
 * @param beforeRename the last moment to throw: the old file stays.
 */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  beforeRename: (file: FileHandle) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path, extname(path))}.${randomBytes(8).toString("hex")}.tmp`);
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      // The time of the file just made is the file system's own: no clock of ours can be wrong against it.
      await removeLeftovers(directory, (await file.stat()).mtimeMs);
      const owner = await ownerToServe(directory);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await write(file);
      await file.sync();
      await beforeRename(file);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
  await syncDirectory(directory);
}

/**
 * Whom root works for: what it makes in a user's directory has to be that user's. A command that is run as root must not
 * lock out the relay, which is another user. Undefined for everybody else, and in directories of root.
 */
export async function ownerToServe(
  directory: string,
): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(directory);
  return uid === 0 ? undefined : { uid, gid };
}

/** Makes the entries of a directory survive a loss of power, where the system can do that. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(systemCodeOf(error))) throw error;
  }
}

async function removeLeftovers(directory: string, nowMs: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!TEMPORARY_FILE.test(name)) continue;
    const path = join(directory, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }));
    if (nowMs - mtimeMs > LEFTOVER_AGE_MS) await removeIfThere(path);
  }
}

/** Clears away a temporary file. Where that fails too, a later write finds it. */
async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}
