import { constants } from "node:fs";
import { access, type FileHandle, lchown, mkdir, open } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type DiskFault, diskFaultOf, ownerToServe, replaceFile, syncDirectory, systemCodeOf } from "../../disk.ts";
import { checkEntry, checkEntryName } from "./entry.ts";
import { type CertificateStore, StoreError, type StoreErrorCode } from "./ports.ts";

/** Three times what may be saved: more is not ours, and is not read into memory. */
const MAX_FILE_BYTES = 64 * 1024;
const FAULT_CODES: Readonly<Record<DiskFault, StoreErrorCode>> = {
  denied: "store-denied",
  full: "store-full",
  // A disk that fails, or a network file system that is away: it may come back.
  unreachable: "store-unreachable",
};

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
      if (systemCodeOf(error) === "ENOENT") return undefined;
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
      await replaceFile(this.#fileOf(entry), (file) => file.writeFile(text));
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

  #remedies(): string {
    const commands = `sudo mkdir -p ${this.#path} && sudo chown -R "$USER" ${this.#path}`;
    return `Give it to the user of the relay (${commands}), or choose another with --state-directory`;
  }

  #denied(why: string, cause?: unknown): StoreError {
    return new StoreError("store-denied", `${this.description}: ${why}`, { cause });
  }

  #toStoreError(what: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    const code = systemCodeOf(error);
    return new StoreError(FAULT_CODES[diskFaultOf(code)], `${this.description}: cannot ${what}: ${code}`, {
      cause: error,
    });
  }
}

async function factsOf(file: FileHandle): Promise<{ size: number; mode: number; isRegular: boolean }> {
  const stats = await file.stat();
  return { size: stats.size, mode: stats.mode, isRegular: stats.isFile() };
}

/** To be thrown on, but for what `open` says of a link that it was not to follow. */
function unlessLink(error: unknown): undefined {
  if (systemCodeOf(error) !== "ELOOP" && systemCodeOf(error) !== "ENOTDIR") throw error;
}
