import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { expect, it, vi } from "vitest";
import { checkFileSystem, hazardOf } from "../../relay/store/file-system.ts";
import { placeOf } from "../../relay/store/sqlite-file.ts";
import { MIGRATIONS, migrate, pragma } from "../../relay/store/sqlite-schema.ts";
import { killWriters } from "../support/mailbox-kills.ts";
import { depositOf, readOf, sqliteStore, storeDirectory, textsIn } from "../support/mailbox-store.ts";
import { cutLogs } from "../support/mailbox-torn-log.ts";
import { Run } from "../support/process.ts";
import { itWithMounts } from "../support/requires.ts";

const FIXTURE = "test/fixtures/mailbox-store.js";
const PAGE_BYTES = 4096;
const withMounts = itWithMounts();

/** A store of its own process, behind a command such as `unshare`. @returns what it printed. */
async function useElsewhere(command: string, args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const run = new Run(args, { command });
  await run.exitCode();
  if (run.stderr !== "") throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Readonly<Record<string, unknown>>;
}

it("keeps what it has over a restart, totals and sequences as well", async () => {
  const directory = await storeDirectory();
  const first = sqliteStore(directory);
  await first.open();
  for (const text of ["a", "b"]) await first.deposit(depositOf(text));
  await first.remove({ mailbox: "box", id: "id b" });
  const before = first.reading();
  await first.close();

  const second = sqliteStore(directory);
  await second.open();

  expect(await textsIn(second)).toEqual(["a"]);
  expect(second.reading()).toMatchObject({ messageCount: 1, messageBytes: before.messageBytes, mailboxCount: 1 });
  expect(await second.deposit(depositOf("c"))).toEqual({ outcome: "stored", sequence: 3 });
});

it("commits what comes while the disk is waited for together", async () => {
  const store = sqliteStore(await storeDirectory(), { synchronous: "full" });
  await store.open();

  await Promise.all(Array.from({ length: 1000 }, (_, index) => store.deposit(depositOf(`${index}`))));

  expect(store.reading()).toMatchObject({ messageCount: 1000, pendingBytes: 0 });
  expect(store.reading().commitCount).toBeLessThanOrEqual(20);
});

it("removes what has expired in small steps, between which others are served", async () => {
  const store = sqliteStore(await storeDirectory());
  await store.open();
  for (let index = 0; index < 20_000; index += 1) void store.deposit(depositOf(`${index}`, { expiresAtMs: 1 }));
  await store.sizeOf({ mailbox: "box" });
  let steps = 0;
  const deposited = store.deposit(depositOf("between", { mailbox: "other" })).then(() => steps);

  for (let removed = -1; removed !== 0; steps += 1)
    removed = (await store.expire({ nowMs: 2, maxCount: 500 })).messageCount;

  expect(steps).toBe(41);
  expect(await deposited).toBeLessThan(3);
  expect(store.reading()).toMatchObject({ messageCount: 1, mailboxCount: 1 });
});

it("refuses what would wait for the disk beyond a bound, and goes on", async () => {
  const store = sqliteStore(await storeDirectory());
  await store.open();

  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, (_, index) =>
      store.deposit(depositOf(`${index}`, { data: new Uint8Array(8 * 1024 * 1024) })),
    ),
  );

  const refused = outcomes.filter(({ status }) => status === "rejected");
  expect(refused.length).toBeGreaterThan(2);
  expect(refused[0]).toMatchObject({ reason: { code: "store-overloaded" } });
  expect(store.reading().pendingBytes).toBe(0);
  expect(await store.deposit(depositOf("later"))).toMatchObject({ outcome: "stored" });
});

it("loses nothing that it has acknowledged, and doubles nothing, when it is killed in the middle of writing", async () => {
  expect(await killWriters(await storeDirectory(), 3, 1)).toBeGreaterThan(3);
});

it("fails with a code where its thread has ended, and answers everybody who waits", async () => {
  const store = sqliteStore(await storeDirectory());
  await store.open();
  const postMessage = vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker) {
    void this.terminate();
  });

  await expect(store.deposit(depositOf("a"))).rejects.toMatchObject({ code: "store-failed" });
  postMessage.mockRestore();
  await expect(store.deposit(depositOf("a"))).rejects.toMatchObject({ code: "store-failed" });
});

it("is one process's alone: a second one is refused, and finds it free after a kill", async () => {
  const directory = await storeDirectory();
  const store = sqliteStore(directory);
  await store.open();

  const second = await useElsewhere(process.execPath, [FIXTURE, directory, "open"]);
  const inThisProcess = sqliteStore(directory).open();

  expect(second).toMatchObject({ failure: { code: "store-in-use" } });
  await expect(inThisProcess).rejects.toMatchObject({ code: "store-in-use" });
  await store.close();
  expect(await useElsewhere(process.execPath, [FIXTURE, directory, "open"])).toEqual({ count: 1 });
});

it("recovers what a torn log still holds, cut at a few places, and never a part of a commit", async () => {
  const { frameCount, counts } = await cutLogs((count) => [0, 1, Math.floor(count / 2), count]);

  expect(frameCount).toBeGreaterThan(8);
  expect([counts[0], counts.at(-1)]).toEqual([3, 11]);
});

it("finds damage at the start, says so, and changes not a byte of it", async () => {
  const directory = await storeDirectory();
  const store = sqliteStore(directory);
  await store.open();
  for (let index = 0; index < 200; index += 1)
    await store.deposit(depositOf(`${index}`, { data: new Uint8Array(3000) }));
  await store.close();
  const { file } = placeOf(directory);
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 10 * PAGE_BYTES, 30 * PAGE_BYTES);
  writeFileSync(file, bytes);

  await expect(sqliteStore(directory).open()).rejects.toMatchObject({ code: "store-corrupt" });

  expect(readFileSync(file).equals(bytes)).toBe(true);
  expect(
    readdirSync(directory).filter((name) => name.endsWith("-wal") && statSync(join(directory, name)).size > 0),
  ).toEqual([]);
});

it.each([
  ["no database", (file: string) => writeFileSync(file, "x".repeat(10_000))],
  [
    "another program's",
    (file: string) => {
      const database = new DatabaseSync(file);
      database.exec("CREATE TABLE theirs (a)");
      database.close();
    },
  ],
])("leaves a file alone that is %s", async (_, make) => {
  const directory = await storeDirectory();
  const { file } = placeOf(directory);
  make(file);
  const before = readFileSync(file);

  await expect(sqliteStore(directory).open()).rejects.toMatchObject({ code: "store-corrupt" });

  expect(readFileSync(file).subarray(100).equals(before.subarray(100))).toBe(true);
});

it("migrates from each version to the next, and refuses a file of a later one", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  migrate(database);
  expect(pragma(database, "user_version")).toBe(MIGRATIONS.length);

  migrate(database, [...MIGRATIONS, "ALTER TABLE records ADD COLUMN more TEXT"]);

  expect(pragma(database, "user_version")).toBe(MIGRATIONS.length + 1);
  expect(() => migrate(database)).toThrow(expect.objectContaining({ code: "store-newer" }));
  database.close();
});

it("leaves the schema as it was where a migration fails", () => {
  const database = new DatabaseSync(":memory:");
  migrate(database);

  expect(() => migrate(database, [...MIGRATIONS, "CREATE TABLE half (a); no sql"])).toThrow();

  if (database.isTransaction) database.exec("ROLLBACK");
  expect(pragma(database, "user_version")).toBe(MIGRATIONS.length);
  expect(() => database.prepare("SELECT * FROM half")).toThrow();
  database.close();
});

it("keeps its files to this user", async () => {
  const directory = join(await storeDirectory(), "new", "mailbox");
  const store = sqliteStore(directory);
  await store.open();
  await store.deposit(depositOf("a"));

  expect((statSync(directory).mode & 0o777).toString(8)).toBe("700");
  const modes = readdirSync(directory).map((name) => [
    name,
    (statSync(join(directory, name)).mode & 0o777).toString(8),
  ]);
  expect(modes).toHaveLength(5);
  expect(modes.filter(([, mode]) => mode !== "600")).toEqual([]);
});

it("leaves nothing of a message that was removed in its files", async () => {
  const directory = await storeDirectory();
  const store = sqliteStore(directory);
  await store.open();
  const data = new Uint8Array(Buffer.from("what nobody shall read again ".repeat(1000)));
  await store.deposit(depositOf("secret", { data }));
  await store.remove({ mailbox: "box", id: "id secret" });
  await store.close();

  for (const name of readdirSync(directory))
    expect(readFileSync(join(directory, name)).includes("nobody shall read")).toBe(false);
});

it.each([
  [0x6969, "NFS"],
  [0xff53_4d42, "SMB (cifs)"],
  [0xfe53_4d42, "SMB (smb2)"],
  [0x6573_5546, "FUSE"],
])("refuses a file system of type %i, with the reason", async (type, name) => {
  const refusal = checkFileSystem("/data", () => Promise.resolve(type));

  await expect(refusal).rejects.toMatchObject({
    code: "store-unsupported",
    message: expect.stringContaining(`/data is on ${name}. The store needs a disk of this machine`),
  });
});

it.each([0xef53, 0x5846_5342, 0x0102_1994, 0x794c_7630])("takes a file system of type %i", async (type) => {
  await expect(checkFileSystem("/data", () => Promise.resolve(type))).resolves.toBeUndefined();
});

it.each([
  [0x794c_7630, "container"],
  [0x0102_1994, "memory"],
  [0xef53, undefined],
])("tells of a file system of type %i that it ends with a %s", async (type, hazard) => {
  expect(await hazardOf("/data", () => Promise.resolve(type))).toBe(hazard);
});

withMounts("acknowledges nothing on a full disk, keeps what it has, and goes on when there is room", async () => {
  const directory = await storeDirectory();
  const tiny = 'mount -t tmpfs -o size=40m tmpfs "$1" && exec "$0" "$2" "$1" fill';

  const outcome = await useElsewhere("unshare", ["--mount", "sh", "-c", tiny, process.execPath, directory, FIXTURE]);

  expect(outcome).toMatchObject({ failure: { code: "store-disk-full" }, isReported: true, cleared: 20 });
  const storedCount = Number(outcome["storedCount"]);
  expect(storedCount).toBeGreaterThan(200);
  expect(outcome["countBefore"]).toBe(storedCount);
  expect(outcome).toMatchObject({ whileFull: { code: "store-disk-full" }, countFull: storedCount - 20 + 1 });
  expect([outcome["again"], outcome["afterwards"]]).toEqual([undefined, undefined]);
  expect(outcome["countAfter"]).toBe(storedCount - 20 + 2);
});

withMounts("says of a read-only disk that it is one, and changes nothing", async () => {
  const directory = await storeDirectory();
  await useElsewhere(process.execPath, [FIXTURE, directory, "open"]);
  const readOnly = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$0" "$2" "$1" open';

  const outcome = await useElsewhere("unshare", [
    "--mount",
    "sh",
    "-c",
    readOnly,
    process.execPath,
    directory,
    FIXTURE,
  ]);

  expect(outcome).toMatchObject({ failure: { code: "store-read-only" } });
  const store = sqliteStore(directory);
  await store.open();
  expect(await store.read(readOf({ mailbox: "box 0", nowMs: 2 }))).toHaveLength(1);
});

withMounts(
  "serves topics on while the disk is full, acknowledges nothing, and deposits again when there is room",
  async () => {
    const directory = await storeDirectory();
    const tiny = 'mount -t tmpfs -o size=40m tmpfs "$1" && exec "$0" test/fixtures/mailbox-relay.js "$1"';

    const outcome = await useElsewhere("unshare", ["--mount", "sh", "-c", tiny, process.execPath, directory]);

    const storedCount = Number(outcome["storedCount"]);
    expect(storedCount).toBeGreaterThan(50);
    expect(outcome).toEqual({
      storedCount,
      status: "Failed",
      again: "Failed",
      topicStill: "peer-joined",
      blobCount: storedCount,
      deliveredCount: 50,
      purged: 50,
      afterwards: "Stored",
    });
  },
);
