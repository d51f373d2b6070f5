import { execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { DirectoryStore } from "../../relay/tls/store/directory-store.ts";
import { Run } from "../support/process.ts";
import { itWithMounts } from "../support/requires.ts";

const FIXTURE = "test/fixtures/directory-store.js";
/** What the fixture saves. */
const TEXT_BYTES = 15_024;
const KILL_COUNT = 12;
const NOBODY = "65534";
const withMounts = itWithMounts();

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-store-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

async function temporaryFilesIn(path: string): Promise<readonly string[]> {
  return (await readdir(path)).filter((name) => name.endsWith(".tmp"));
}

/** Uses a store in a process of its own, behind a command such as `unshare`. @returns what it printed. */
async function useElsewhere(command: string, args: readonly string[]): Promise<unknown> {
  const run = new Run(args, { command });
  await run.exitCode();
  if (run.stderr !== "") throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

/** The same as another user, who has no rights here. */
function useAsNobody(path: string, action: "load" | "save" | "prepare"): Promise<unknown> {
  const asNobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  return useElsewhere("setpriv", [...asNobody, process.execPath, FIXTURE, path, action]);
}

it("makes its directory with the first save, for its user alone", async () => {
  const path = join(await newFolder(), "state", "certificates");
  const store = new DirectoryStore(path);

  const before = await store.load("entry");
  await useElsewhere("sh", ["-c", 'umask 0; exec "$0" "$@"', process.execPath, FIXTURE, path, "save"]);

  expect(before).toBeUndefined();
  expect(await readdir(path)).toEqual(["entry.json"]);
  expect([await modeOf(path), await modeOf(join(path, "..")), await modeOf(join(path, "entry.json"))]).toEqual([
    "700",
    "700",
    "600",
  ]);
});

it("has a whole entry after every kill, and clears away later what the kills left", async () => {
  const path = await newFolder();
  const store = new DirectoryStore(path);

  for (let kill = 0; kill < KILL_COUNT; kill++) {
    const run = new Run([FIXTURE, path, "save-forever"]);
    await run.printed(/saved 1\n/);
    // Somewhere in a save of a few milliseconds, or of many where the disk is slow: which of its steps, is up to chance.
    await new Promise((resolve) => {
      setTimeout(resolve, Math.random() * 10);
    });
    run.signal("SIGKILL");
    await run.exitCode();
    const { count, filling } = JSON.parse((await store.load("entry")) ?? "") as { count: number; filling: string };
    expect(filling).toBe(`${count % 10}`.repeat(15_000));
    const lastSaved = Number(run.stdout.trim().split(" ").at(-1));
    expect(count - lastSaved).toBeOneOf([0, 1]);
  }
  for (const name of await temporaryFilesIn(path)) await utimes(join(path, name), 1_700_000_000, 1_700_000_000);
  await store.save("entry", "{}");

  expect(await temporaryFilesIn(path)).toEqual([]);
});

it("leaves the temporary file of a save that is under way, and files that are not its own", async () => {
  const path = await newFolder();
  const store = new DirectoryStore(path);
  const ofAnother = `.entry.${"0".repeat(16)}.tmp`;
  await writeFile(join(path, ofAnother), "");
  await writeFile(join(path, "notes.tmp"), "");
  await utimes(join(path, "notes.tmp"), 1_700_000_000, 1_700_000_000);

  await store.save("entry", "{}");

  expect((await readdir(path)).toSorted()).toEqual([ofAnother, "entry.json", "notes.tmp"]);
});

it("tightens a file and a directory that others may read", async () => {
  const path = await newFolder();
  const store = new DirectoryStore(path);
  await store.save("entry", "{}");
  await chmod(path, 0o755);
  await chmod(join(path, "entry.json"), 0o644);

  const text = await store.load("entry");
  const fileMode = await modeOf(join(path, "entry.json"));
  await store.save("entry", "{}");

  expect([text, fileMode, await modeOf(path)]).toEqual(["{}", "600", "700"]);
});

it("leaves the mode of a directory behind a symbolic link, which somebody chose", async () => {
  const folder = await newFolder();
  const chosen = join(folder, "chosen");
  await mkdir(chosen, { mode: 0o755 });
  await symlink(chosen, join(folder, "certificates"));

  await new DirectoryStore(join(folder, "certificates")).save("entry", "{}");

  expect([await modeOf(chosen), await modeOf(join(chosen, "entry.json"))]).toEqual(["755", "600"]);
});

it("does not follow a symbolic link in place of an entry, and replaces it", async () => {
  const path = await newFolder();
  const store = new DirectoryStore(path);
  const elsewhere = join(await newFolder(), "elsewhere");
  await writeFile(elsewhere, "not ours");
  await symlink(elsewhere, join(path, "entry.json"));

  await expect(store.load("entry")).rejects.toMatchObject({ code: "store-denied" });
  await store.save("entry", "{}");

  expect(await store.load("entry")).toBe("{}");
  expect(await readFile(elsewhere, "utf8")).toBe("not ours");
});

it("reads 64 KiB, and tells of more, or of no file at all, with store-corrupt", async () => {
  const path = await newFolder();
  const store = new DirectoryStore(path);
  await writeFile(join(path, "largest.json"), "x".repeat(64 * 1024));
  await writeFile(join(path, "larger.json"), "x".repeat(64 * 1024 + 1));
  await mkdir(join(path, "directory.json"));
  execFileSync("mkfifo", [join(path, "pipe.json")]);

  expect((await store.load("largest"))?.length).toBe(64 * 1024);
  for (const entry of ["larger", "directory", "pipe"]) {
    await expect(store.load(entry)).rejects.toMatchObject({ code: "store-corrupt" });
  }
});

it("tells of a file in place of its directory with store-denied", async () => {
  const path = join(await newFolder(), "file");
  await writeFile(path, "");

  for (const store of [new DirectoryStore(path), new DirectoryStore(join(path, "below"))]) {
    await expect(store.save("entry", "{}")).rejects.toMatchObject({ code: "store-denied" });
  }
});

withMounts("tells of a read-only file system with store-denied, and still reads it", async () => {
  const path = await newFolder();
  await new DirectoryStore(path).save("entry", "{}");
  const readOnly = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$0" "$2" "$1" "$3"';
  const use = (action: string): Promise<unknown> =>
    useElsewhere("unshare", ["--mount", "sh", "-c", readOnly, process.execPath, path, FIXTURE, action]);

  expect(await use("save")).toEqual({
    code: "store-denied",
    message: `directory ${path}: cannot write entry: EROFS`,
  });
  expect(await use("prepare")).toMatchObject({
    code: "store-denied",
    message: expect.stringContaining(
      `directory ${path}: cannot be written to: EROFS. Give it to the user of the relay`,
    ),
  });
  expect(await use("load")).toEqual({ loaded: "{}" });
});

withMounts("tells of a full disk with store-full, and keeps what was there", async () => {
  const path = await newFolder();
  const tiny = 'mount -t tmpfs -o size=64k tmpfs "$1" && exec "$0" "$2" "$1" fill';

  const outcome = await useElsewhere("unshare", ["--mount", "sh", "-c", tiny, process.execPath, path, FIXTURE]);

  expect(outcome).toEqual({
    code: "store-full",
    message: expect.stringMatching(/: cannot write entry-\d: ENOSPC$/),
    files: expect.arrayContaining([["entry-0.json", TEXT_BYTES]]),
  });
  const { files } = outcome as { readonly files: readonly [string, number][] };
  expect(files.filter(([name, size]) => !name.endsWith(".json") || size !== TEXT_BYTES)).toEqual([]);
});

withMounts("tells of a directory of another user with store-denied", async () => {
  const path = await newFolder();
  await new DirectoryStore(path).save("entry", "{}");

  const outcomes = [await useAsNobody(path, "load"), await useAsNobody(path, "save")];
  const below = await useAsNobody(join(path, "below"), "prepare");

  expect([...outcomes, below]).toMatchObject([
    { code: "store-denied", message: `directory ${path}: cannot read entry: EACCES` },
    { code: "store-denied", message: `directory ${path}: cannot write entry: EACCES` },
    { code: "store-denied", message: expect.stringContaining("cannot be written to: EACCES") },
  ]);
});

withMounts("leaves what root saves to the user whose directory it is in", async () => {
  const folder = await newFolder();
  await chown(folder, Number(NOBODY), Number(NOBODY));
  const path = join(folder, "state", "certificates");

  await new DirectoryStore(path).save("entry", "{}");

  expect((await stat(join(path, "entry.json"))).uid).toBe(Number(NOBODY));
  expect(await useAsNobody(path, "load")).toEqual({ loaded: "{}" });
  expect(await useAsNobody(path, "save")).toEqual({ loaded: null });
});

withMounts(
  "refuses a key that everybody may read, and a directory that everybody may write to, of another user",
  async () => {
    const path = await newFolder();
    await new DirectoryStore(path).save("entry", "{}");
    await chmod(join(path, "entry.json"), 0o644);
    await chmod(path, 0o777);

    const outcomes = [await useAsNobody(path, "load"), await useAsNobody(path, "save")];

    expect(outcomes).toMatchObject([
      { code: "store-denied", message: expect.stringContaining("everybody may read entry") },
      { code: "store-denied", message: expect.stringContaining("everybody may write to it") },
    ]);
  },
);
