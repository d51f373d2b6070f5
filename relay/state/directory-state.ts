import { constants } from "node:fs";
import { access, type FileHandle, mkdir, open, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type DiskFault, diskFaultOf, replaceFile, syncDirectory, systemCodeOf } from "../disk.ts";
import { parseJsonObject } from "../json.ts";
import { type Changes, StateError, type StateErrorCode, type StateStore } from "./ports.ts";

/** What the first line of a file says of those that follow. */
const FORMAT = "postern-state";
const VERSION = 1;
/** More than any table may have, and less than what a string can hold. */
const MAX_FILE_BYTES = 268_435_456;
/** So much is put together at once: what a loop does not notice. */
const CHUNK_CHARACTERS = 65_536;
/** Linux's numbers (statfs(2)) for what ends with a container, or with the machine's memory: overlayfs, tmpfs, ramfs. */
const FLEETING = new Set([0x794c7630, 0x01021994, 0x858458f6]);

const FAULT_CODES: Readonly<Record<DiskFault, StateErrorCode>> = {
  denied: "state-denied",
  full: "disk-full",
  unreachable: "state-unreachable",
};

/** A table as it is in memory and, as `seen`, in its file: the line of each record, without its end. */
type Table = { readonly lines: Map<string, string>; seen: string };

/**
 * Keeps each table in one file of a directory, `<table>.jsonl`: a line that says what it is, a line for each record, and one
 * that says how many there were. A change writes the whole file anew, beside the old one, and renames it: a copy of the
 * file is a backup, whenever it is made.
 */
export class DirectoryState implements StateStore {
  readonly description: string;
  readonly #path: string;
  readonly #tables = new Map<string, Table>();

  /** @param path of the directory; it need not exist yet. */
  constructor(path: string) {
    this.#path = resolve(path);
    this.description = `directory ${this.#path}`;
  }

  async prepare(): Promise<void> {
    try {
      const made = await mkdir(this.#path, { recursive: true, mode: 0o700 });
      if (made !== undefined) await syncDirectory(dirname(made));
      await access(this.#path, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw this.#toStateError("be written to", error);
    }
  }

  async isLasting(): Promise<boolean> {
    try {
      return !FLEETING.has((await statfs(this.#path)).type);
    } catch {
      // Where it cannot be asked nothing can be written either, and that is said.
      return true;
    }
  }

  async load(table: string): Promise<ReadonlyMap<string, string>> {
    const { text, seen } = await this.#read(table);
    const lines = text === undefined ? new Map<string, string>() : this.#linesOf(table, text);
    this.#tables.set(table, { lines, seen });
    return new Map([...lines].map(([key, line]) => [key, recordOf(key, line)]));
  }

  async save(table: string, changes: Changes): Promise<void> {
    const known = this.#tables.get(table);
    if (known === undefined) throw new TypeError(`${table} is not loaded`);
    const before = new Map([...changes.keys()].map((key) => [key, known.lines.get(key)]));
    change(known.lines, new Map([...changes].map(([key, record]) => [key, record && lineOf(key, record)])));
    let written = "";
    try {
      await this.prepare();
      await replaceFile(
        this.#fileOf(table),
        (file) => writeAll(file, table, known.lines),
        async (file) => {
          written = await markOf(file);
          await this.#checkUnchanged(table, known.seen);
        },
      );
      known.seen = written;
    } catch (error) {
      change(known.lines, before);
      throw this.#toStateError(`write ${table}`, error);
    }
  }

  #fileOf(table: string): string {
    return join(this.#path, `${table}.jsonl`);
  }

  async #read(table: string): Promise<{ readonly text: string | undefined; readonly seen: string }> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    try {
      const file = await open(this.#fileOf(table), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const { size } = await file.stat();
        if (size > MAX_FILE_BYTES) throw this.#corrupt(table, `it has ${size} bytes`);
        return { text: await file.readFile("utf8"), seen: await markOf(file) };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCodeOf(error) === "ENOENT") return { text: undefined, seen: NO_FILE };
      throw this.#toStateError(`read ${table}`, error);
    }
  }

  #linesOf(table: string, text: string): Map<string, string> {
    const [head = "", ...rest] = text.split("\n");
    const body = rest.slice(0, -2);
    const [end, last] = rest.slice(-2);
    this.#checkHead(table, head);
    if (last !== "" || end !== endOf(body.length)) throw this.#corrupt(table, "its end is missing");
    const lines = new Map<string, string>();
    for (const [index, line] of body.entries()) {
      const key = keyOf(line);
      if (key === undefined || lines.has(key)) throw this.#corrupt(table, `line ${index + 2} is no record of its own`);
      lines.set(key, line);
    }
    return lines;
  }

  #checkHead(table: string, head: string): void {
    const { format, version, table: name } = parseJsonObject(head) ?? {};
    if (format !== FORMAT || name !== table) throw this.#corrupt(table, "its first line is not that of this table");
    if (version !== VERSION)
      throw this.#corrupt(table, `it is of version ${String(version)}, and this relay reads ${VERSION}`);
  }

  /** Two relays at one file would each take back what the other has kept. */
  async #checkUnchanged(table: string, seen: string): Promise<void> {
    const { seen: now } = await this.#mark(table);
    if (now === seen) return;
    const why = "somebody else has written to it: one relay at a time, and a backup is put back while none runs";
    throw new StateError("state-shared", `${this.description}: ${table}: ${why}`);
  }

  async #mark(table: string): Promise<{ readonly seen: string }> {
    try {
      const file = await open(this.#fileOf(table), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        return { seen: await markOf(file) };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCodeOf(error) === "ENOENT") return { seen: NO_FILE };
      throw error;
    }
  }

  #corrupt(table: string, why: string): StateError {
    return new StateError("state-corrupt", `${this.description}: ${table}.jsonl: ${why}`);
  }

  #toStateError(what: string, error: unknown): StateError {
    if (error instanceof StateError) return error;
    const code = systemCodeOf(error);
    return new StateError(FAULT_CODES[diskFaultOf(code)], `${this.description}: cannot ${what}: ${code}`, {
      cause: error,
    });
  }
}

const NO_FILE = "none";

/** What tells one content of a file from another, without reading it. */
async function markOf(file: FileHandle): Promise<string> {
  const { ino, size, mtimeNs } = await file.stat({ bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

function change(lines: Map<string, string>, changes: Changes): void {
  for (const [key, line] of changes) {
    if (line === undefined) lines.delete(key);
    else lines.set(key, line);
  }
}

/** Records that change meanwhile may be in it or not: whoever waits for them waits for the next one. */
async function writeAll(file: FileHandle, table: string, lines: ReadonlyMap<string, string>): Promise<void> {
  let chunk = `${JSON.stringify({ format: FORMAT, version: VERSION, table })}\n`;
  for (const line of lines.values()) {
    chunk += `${line}\n`;
    if (chunk.length < CHUNK_CHARACTERS) continue;
    await file.write(chunk);
    chunk = "";
  }
  await file.write(`${chunk}${endOf(lines.size)}\n`);
}

function endOf(recordCount: number): string {
  return JSON.stringify({ records: recordCount });
}

function lineOf(key: string, record: string): string {
  return `[${JSON.stringify(key)},${record}]`;
}

function recordOf(key: string, line: string): string {
  return line.slice(lineOf(key, "").length - 1, -1);
}

/** Undefined where the line is none that `lineOf` writes. */
function keyOf(line: string): string | undefined {
  const entry = parsed(line);
  if (!Array.isArray(entry) || entry.length !== 2) return undefined;
  const key: unknown = entry[0];
  return typeof key === "string" && line.startsWith(`[${JSON.stringify(key)},`) ? key : undefined;
}

/** Undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
