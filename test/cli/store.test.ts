import { EventEmitter } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { placeOf } from "../../relay/store/sqlite-file.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { depositOf, recordOf, sqliteStore, storeDirectory, textsIn } from "../support/mailbox-store.ts";
import { collector } from "../support/relay.ts";

type Outcome = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs one `store` command on a directory. */
async function store(directory: string, ...words: readonly string[]): Promise<Outcome> {
  const [out, err]: [string[], string[]] = [[], []];
  const exitCode = await run(["store", ...words], {
    env: { MAILBOX_STORE: "sqlite", MAILBOX_DIRECTORY: directory },
    stdout: collector(out),
    stderr: collector(err),
    signals: new EventEmitter(),
    clock: new FakeClock(),
  });
  return { exitCode, stdout: out.join(""), stderr: err.join("") };
}

/** A store with these messages, closed again. */
async function withMessages(...texts: readonly string[]): Promise<string> {
  const directory = await storeDirectory();
  const filled = sqliteStore(directory);
  await filled.open();
  for (const text of texts) await filled.deposit(depositOf(text));
  await filled.close();
  return directory;
}

/** An id of one digit. */
function idOf(digit: string): string {
  return digit.repeat(64);
}

async function textsOf(directory: string): Promise<readonly string[]> {
  const opened = sqliteStore(directory);
  await opened.open();
  const texts = await textsIn(opened);
  await opened.close();
  return texts;
}

it("shows what waits, also while a relay has the store", async () => {
  const directory = await storeDirectory();
  const open = sqliteStore(directory);
  await open.open();
  const depositedAtMs = new FakeClock().epochMs() - 7_200_000;
  await open.deposit(depositOf("a".repeat(1000), { depositedAtMs }));
  await open.put(recordOf("r"));

  const json = await store(directory, "status", "--json");
  const text = await store(directory, "status");

  expect(JSON.parse(json.stdout)).toEqual({
    file: placeOf(directory).file,
    schema_version: 1,
    is_in_use: true,
    mailboxes: 1,
    messages: 1,
    message_bytes: 1051,
    records: { s: 1 },
    record_bytes: 11,
    oldest_at: depositedAtMs / 1000,
    oldest_seconds: 7200,
    file_bytes: expect.any(Number),
    log_bytes: expect.any(Number),
    free_bytes: 0,
  });
  expect(text.stdout).toMatch(/^file +\/.*\nschema +1, checked and well\nin use +yes.*\nmessages +1 in 1 mailboxes/);
  expect(text.stdout).toMatch(/\noldest +.* UTC, 2 hours ago\n/);
  expect([json.exitCode, text.exitCode]).toEqual([0, 0]);
  await open.close();
  expect(JSON.parse((await store(directory, "status", "--json")).stdout)).toMatchObject({ is_in_use: false });
});

it("copies a store while deposits go on, and puts it back: what was there is kept beside it", async () => {
  const directory = await withMessages("a", "b");
  const file = join(await storeDirectory(), "backup.db");
  const open = sqliteStore(directory);
  await open.open();
  const done = new AbortController();
  const deposits = (async () => {
    for (let index = 0; !done.signal.aborted; index += 1)
      await open.deposit(depositOf(`later ${index}`, { mailbox: "other" }));
  })();

  const backup = await store(directory, "backup", file);
  done.abort();
  await deposits;
  const whileOpen = await store(directory, "restore", file);
  await open.close();
  const restored = await store(directory, "restore", file);

  expect(backup).toMatchObject({ exitCode: 0, stdout: `backup in ${file}\n` });
  expect(backup.stderr).toMatch(/100 %\n$/);
  expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
  expect(whileOpen).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("store-in-use") });
  expect(restored.exitCode).toBe(0);
  expect(await textsOf(directory)).toEqual(["a", "b"]);
  const [, kept = ""] = /what was there is (.*)\n/.exec(restored.stdout) ?? [];
  expect(kept).toMatch(/mailbox\.db\.before-restore-\d{8}T\d{6}Z$/);
  const before = new DatabaseSync(kept, { readOnly: true });
  expect(before.prepare("SELECT count(*) > 2 AS more FROM messages").get()).toMatchObject({ more: 1 });
  before.close();
});

it("puts a backup where nothing is yet", async () => {
  const file = join(await storeDirectory(), "backup.db");
  await store(await withMessages("a"), "backup", file);
  const directory = join(await storeDirectory(), "new");

  const { exitCode, stdout } = await store(directory, "restore", file);

  expect([exitCode, stdout]).toEqual([0, `restored into ${placeOf(directory).file}\n`]);
  expect(await textsOf(directory)).toEqual(["a"]);
});

it("overwrites no backup, and restores none that is damaged or something else", async () => {
  const directory = await withMessages("a");
  const folder = await storeDirectory();
  const [file, garbage, theirs] = ["backup.db", "garbage.db", "theirs.db"].map((name) => join(folder, name));
  await store(directory, "backup", file ?? "");
  writeFileSync(garbage ?? "", "x".repeat(9000));
  const database = new DatabaseSync(theirs ?? "");
  database.exec("CREATE TABLE theirs (a)");
  database.close();
  const before = readFileSync(file ?? "");

  const outcomes = [
    await store(directory, "backup", file ?? ""),
    await store(directory, "restore", garbage ?? ""),
    await store(directory, "restore", theirs ?? ""),
    await store(directory, "restore", join(folder, "none.db")),
  ];

  expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 1]);
  expect(outcomes.map(({ stderr }) => /store-[a-z]+/.exec(stderr)?.[0])).toEqual([
    "store-failed",
    "store-corrupt",
    "store-corrupt",
    "store-failed",
  ]);
  expect(readFileSync(file ?? "").equals(before)).toBe(true);
  expect(await textsOf(directory)).toEqual(["a"]);
});

it("restores over a damaged store, which it keeps as it is", async () => {
  const directory = await withMessages(
    "a",
    ...Array.from({ length: 100 }, (_, index) => `${index} ${"x".repeat(1500)}`),
  );
  const file = join(await storeDirectory(), "backup.db");
  await store(directory, "backup", file);
  const { file: damaged } = placeOf(directory);
  const bytes = readFileSync(damaged);
  bytes.fill(0x5a, 12_288, 40_960);
  writeFileSync(damaged, bytes);

  const status = await store(directory, "status");
  const { exitCode, stdout } = await store(directory, "restore", file);

  expect(status).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("store-corrupt") });
  expect(exitCode).toBe(0);
  expect((await textsOf(directory)).length).toBe(101);
  const [, kept = ""] = /what was there is (.*)\n/.exec(stdout) ?? [];
  expect(readFileSync(kept).subarray(12_288, 40_960).equals(bytes.subarray(12_288, 40_960))).toBe(true);
});

it("gives room back to the disk step by step, also while a relay has the store", async () => {
  const directory = await storeDirectory();
  const open = sqliteStore(directory);
  await open.open();
  for (let index = 0; index < 300; index += 1)
    await open.deposit(depositOf(`${index}`, { data: new Uint8Array(50_000) }));
  await open.clear({ mailbox: "box", maxCount: 290 });
  const before = statSync(placeOf(directory).file).size;

  const { exitCode, stdout, stderr } = await store(directory, "compact");

  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^[12]\d\.\d MiB given back to the disk\n$/)]);
  expect(stderr.match(/\d+ %/g)?.length).toBeGreaterThan(2);
  expect(statSync(placeOf(directory).file).size).toBeLessThan(before / 10);
  expect(await open.deposit(depositOf("on"))).toMatchObject({ outcome: "stored" });
  expect(open.reading().messageCount).toBe(11);
});

it.each(["status", "compact", "backup"])("says of %s that there is no store, and makes none", async (command) => {
  const directory = join(await storeDirectory(), "none");

  const { exitCode, stderr } = await store(directory, command, ...(command === "backup" ? ["/tmp/never.db"] : []));

  expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`there is no store in ${directory}`)]);
  expect(existsSync(directory)).toBe(false);
});

it("takes over the data of the original's relay once, and changes nothing in it", async () => {
  const old = await storeDirectory();
  const nowSeconds = new FakeClock().epochMs() / 1000;
  const make = (file: string, sql: string, rows: readonly (readonly (string | number | Uint8Array)[])[]): void => {
    const database = new DatabaseSync(join(old, file));
    database.exec(`PRAGMA journal_mode = WAL; ${sql}`);
    const [, table = ""] = /CREATE TABLE (\w+)/.exec(sql) ?? [];
    for (const row of rows) database.prepare(`INSERT INTO ${table} VALUES (${row.map(() => "?").join()})`).run(...row);
    database.close();
  };
  make(
    "blobs.db",
    "CREATE TABLE blobs (id TEXT PRIMARY KEY, recipient_id TEXT, data BLOB, created_at_secs INTEGER, hop_count INTEGER DEFAULT 0)",
    [
      ["second", idOf("a"), Buffer.from("2"), nowSeconds - 10, 0],
      ["first", idOf("A"), Buffer.from("1"), nowSeconds - 20, 0],
      ["nobody's", "any string at all", Buffer.from("3"), nowSeconds, 0],
      ["over", idOf("a"), Buffer.from("4"), nowSeconds - 91 * 86_400, 0],
    ],
  );
  make(
    "device_sync.db",
    "CREATE TABLE device_sync_messages (id TEXT, identity_id TEXT, target_device_id TEXT, sender_device_id TEXT, encrypted_payload BLOB, version INTEGER, created_at_secs INTEGER)",
    [["sync", idOf("a"), idOf("b"), idOf("c"), Buffer.from("5"), 7, nowSeconds]],
  );
  make(
    "recovery_proofs.db",
    "CREATE TABLE recovery_proofs (key_hash BLOB PRIMARY KEY, proof_data BLOB, created_at_secs INTEGER, expires_at_secs INTEGER)",
    [[Buffer.alloc(32, 9), Buffer.from("6"), nowSeconds, nowSeconds + 1000]],
  );
  writeFileSync(join(old, "relay_noise_key.bin"), Buffer.alloc(64, 1));
  const before = readFileSync(join(old, "blobs.db"));
  const directory = join(await storeDirectory(), "new");

  const first = await store(directory, "import", old);
  const again = await store(directory, "import", old);
  const wrong = await store(directory, "import", directory);

  expect(first).toMatchObject({ exitCode: 0, stdout: "5 taken over, 0 were there already, 1 could not be used\n" });
  expect(again.stdout).toBe("0 taken over, 5 were there already, 1 could not be used\n");
  expect(wrong).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("has no blobs.db") });
  expect(readFileSync(join(old, "blobs.db")).equals(before)).toBe(true);
  const opened = sqliteStore(directory);
  await opened.open();
  const nowMs = nowSeconds * 1000;
  expect(await textsIn(opened, { mailbox: `blobs/${idOf("a")}`, nowMs })).toEqual(["1", "2"]);
  expect(await textsIn(opened, { mailbox: `devices/${idOf("a")}`, nowMs })).toEqual(["5"]);
  expect(opened.reading().recordCounts).toEqual({ noise: 1, proofs: 1 });
  expect(await opened.find({ space: "proofs", names: ["09".repeat(32)], nowMs })).toHaveLength(1);
});
