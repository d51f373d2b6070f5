import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, type FileHandle, lchown, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { checkEntry, checkEntryName } from "./entry.ts";
import { type CertificateStore, StoreError, type StoreErrorCode } from "./ports.ts";

/** Three times what may be saved: more is not ours, and is not read into memory. */
const MAX_FILE_BYTES = 64 * 1024;
/** A save takes milliseconds. A temporary file that is older than this was left by a process that is gone. */
const LEFTOVER_AGE_MS = 60_000;
const TEMPORARY_FILE = /^\.[a-z0-9-]{1,100}\.[0-9a-f]{16}\.tmp$/;

const DENIED = new Set(["EACCES", "EPERM", "EROFS", "ELOOP", "ENOTDIR", "EEXIST"]);
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** What systems answer that cannot sync a directory: Windows, and some network file systems. */
const NO_DIRECTORY_SYNC = new Set(["EINVAL", "EISDIR", "EPERM", "EACCES", "ENOTSUP", "EBADF"]);

/**
 * Keeps entries as files of a directory: `<entry>.json`, mode 0600, in a directory of mode 0700 that is made where it is not there.
 *
 * A save writes a temporary file beside the entry and renames it, so a kill leaves the old entry or the new one, never a
 * part. Several processes may use the same directory; the last rename wins.
 */
export class DirectoryStore implements CertificateStore {
  readonly description: string;
  readonly #path: string;

  /** @param path of the directory; it need not exist yet. */
  constructor(path: string) {
    this.#path = resolve(path);
    this.description = `directory ${this.#path}`;
  }

  async load(entry: string): Promise<string | undefined> {
    checkEntryName(entry);
    try {
      // No symbolic link is followed, and a pipe in place of a file does not make the open wait.
      const file = await open(this.#fileOf(entry), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        await this.#checkFile(entry, file);
        return await file.readFile("utf8");
      } finally {
        await file.close();
      }
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw this.#toStoreError(`read ${entry}`, error);
    }
  }

  async prepare(): Promise<void> {
    try {
      await this.#prepareDirectory();
      await access(this.#path, constants.W_OK | constants.X_OK);
    } catch (error) {
      const { code, message, cause } = this.#toStoreError("be written to", error);
      throw new StoreError(code, `${message}. ${this.#remedies()}`, { cause });
    }
  }

  async save(entry: string, text: string): Promise<void> {
    checkEntry(entry, text, this.description);
    try {
      await this.#prepareDirectory();
      await this.#replace(entry, text);
    } catch (error) {
      throw this.#toStoreError(`write ${entry}`, error);
    }
  }

  #fileOf(entry: string): string {
    return join(this.#path, `${entry}.json`);
  }

  /** Refuses what a save cannot have written. A file that came back from a backup readable by others is tightened. */
  async #checkFile(entry: string, file: FileHandle): Promise<void> {
    const { size, mode, isRegular } = await factsOf(file);
    if (!isRegular) throw new StoreError("store-corrupt", `${this.description}: ${entry} is not a file`);
    if (size > MAX_FILE_BYTES) {
      throw new StoreError("store-corrupt", `${this.description}: ${entry} has ${size} bytes, more than any entry`);
    }
    if ((mode & 0o077) === 0) return;
    try {
      await file.chmod(0o600);
    } catch (error) {
      // A group may read where the operator gave the volume to one. Everybody may not.
      if ((mode & 0o007) === 0) return;
      throw this.#denied(`everybody may read ${entry}, and it is not ours to change`, error);
    }
  }

  async #prepareDirectory(): Promise<void> {
    const firstCreated = await mkdir(this.#path, { recursive: true, mode: 0o700 });
    if (firstCreated !== undefined) {
      await this.#giveToOwner(firstCreated);
      await syncDirectory(dirname(this.#path));
      await syncDirectory(dirname(firstCreated));
      return;
    }
    await this.#tightenDirectory();
  }

  /** Of the directories just made, down to the store's own. */
  async #giveToOwner(firstCreated: string): Promise<void> {
    const above = dirname(firstCreated);
    const owner = await ownerToServe(above);
    if (owner === undefined) return;
    for (let made = this.#path; made !== above; made = dirname(made)) await lchown(made, owner.uid, owner.gid);
  }

  async #tightenDirectory(): Promise<void> {
    // Windows has no modes, and does not open directories.
    if (process.getuid === undefined) return;
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    const directory = await open(this.#path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(unlessLink);
    // Behind a link is a directory that somebody chose: as root, its mode might be that of the whole system's.
    if (directory === undefined) return;
    try {
      const { mode, uid } = await directory.stat();
      if ((mode & 0o077) === 0) return;
      if (uid === process.getuid()) await directory.chmod(0o700);
      // Nobody but us may put a key here. Reading the names of the entries gives nothing away.
      else if ((mode & 0o002) !== 0) throw this.#denied("everybody may write to it, and it is not ours to change");
    } finally {
      await directory.close();
    }
  }

  async #replace(entry: string, text: string): Promise<void> {
    const temporary = join(this.#path, `.${entry}.${randomBytes(8).toString("hex")}.tmp`);
    const file = await open(temporary, "wx", 0o600);
    try {
      try {
        // The time of the file just made is the file system's own: no clock of ours can be wrong against it.
        await this.#removeLeftovers((await file.stat()).mtimeMs);
        const owner = await ownerToServe(this.#path);
        if (owner !== undefined) await file.chown(owner.uid, owner.gid);
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#fileOf(entry));
    } catch (error) {
      await removeIfThere(temporary);
      throw error;
    }
    await syncDirectory(this.#path);
  }

  async #removeLeftovers(nowMs: number): Promise<void> {
    for (const name of await readdir(this.#path)) {
      if (!TEMPORARY_FILE.test(name)) continue;
      const path = join(this.#path, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }));
      if (nowMs - mtimeMs > LEFTOVER_AGE_MS) await removeIfThere(path);
    }
  }

  #remedies(): string {
    const commands = `sudo mkdir -p ${this.#path} && sudo chown -R "$USER" ${this.#path}`;
    return `Give it to the user of the relay (${commands}), or choose another with --state-directory`;
  }

  #denied(why: string, cause?: unknown): StoreError {
    return new StoreError("store-denied", `${this.description}: ${why}`, { cause });
  }

  #toStoreError(what: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    const code = codeOf(error);
    return new StoreError(storeErrorCodeOf(code), `${this.description}: cannot ${what}: ${code}`, { cause: error });
  }
}

async function factsOf(file: FileHandle): Promise<{ size: number; mode: number; isRegular: boolean }> {
  const stats = await file.stat();
  return { size: stats.size, mode: stats.mode, isRegular: stats.isFile() };
}

/**
 * Whom root works for: what it makes in a user's directory has to be that user's. A command that is run as root must not
 * lock out the relay, which is another user. Undefined for everybody else, and in directories of root.
 */
async function ownerToServe(directory: string): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(directory);
  return uid === 0 ? undefined : { uid, gid };
}

/** To be thrown on, but for what `open` says of a link that it was not to follow. */
function unlessLink(error: unknown): undefined {
  if (codeOf(error) !== "ELOOP" && codeOf(error) !== "ENOTDIR") throw error;
}

/** Makes the entries of a directory survive a loss of power, where the system can do that. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(codeOf(error))) throw error;
  }
}

/** Clears away a temporary file. Where that fails too, a later save finds it. */
async function removeIfThere(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

/** A disk that fails, or a network file system that is away, is `store-unreachable`: it may come back. */
function storeErrorCodeOf(code: string): StoreErrorCode {
  if (DENIED.has(code)) return "store-denied";
  return FULL.has(code) ? "store-full" : "store-unreachable";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
}
