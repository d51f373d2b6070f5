import { spawn } from "node:child_process";
import { once } from "node:events";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { placeOf } from "../../relay/store/sqlite-file.ts";
import { textIn } from "../../relay/store/sqlite-rows.ts";
import { depositOf, sqliteStore } from "./mailbox-store.ts";
import { mulberry32 } from "./seeded-random.ts";

const FIXTURE = "test/fixtures/mailbox-store.js";
/** A kill comes so long after the first acknowledgement, at most. */
const MAX_WRITING_MS = 60;

/** What all processes together were told to be stored. */
type Ledger = Set<string>;

/**
 * Kills a process that deposits, at a random moment, again and again on one store; and looks after each kill whether
 * everything that was acknowledged is there, once.
 * @returns how many deposits were acknowledged in all.
 */
export async function killWriters(directory: string, killCount: number, seed: number): Promise<number> {
  const random = mulberry32(seed);
  const ledger: Ledger = new Set();
  for (let kill = 0; kill < killCount; kill += 1) {
    await writeUntilKilled(directory, `k${kill}`, { ledger, afterMs: random() * MAX_WRITING_MS });
    const stored = idsIn(directory);
    expect([...ledger].filter((id) => !stored.has(id))).toEqual([]);
  }
  await expectNoneDoubled(directory, ledger);
  return ledger.size;
}

async function writeUntilKilled(
  directory: string,
  word: string,
  { ledger, afterMs }: { readonly ledger: Ledger; readonly afterMs: number },
): Promise<void> {
  const child = spawn(process.execPath, [FIXTURE, directory, "write", word], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const gone = once(child, "close");
  while (!said.includes("-") && child.exitCode === null) await sleep(2);
  await sleep(afterMs);
  child.kill("SIGKILL");
  await gone;
  expect(child.signalCode).toBe("SIGKILL");
  const lines = said.split("\n");
  // The last one may have been cut.
  for (const line of lines.slice(0, -1)) if (line !== "open") ledger.add(line);
  expect(lines.length).toBeGreaterThan(2);
}

/** What the file holds; each at most once, because SQLite says so of its index: that is asked for too. */
function idsIn(directory: string): ReadonlySet<string> {
  const database = new DatabaseSync(placeOf(directory).file);
  try {
    expect(database.prepare("PRAGMA integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    const ids = database
      .prepare("SELECT id FROM messages")
      .all()
      .map((row) => textIn(row, "id"));
    expect(new Set(ids).size).toBe(ids.length);
    return new Set(ids);
  } finally {
    database.close();
  }
}

/** Who got no answer asks again: nothing that is there is stored a second time. */
async function expectNoneDoubled(directory: string, ledger: Ledger): Promise<void> {
  const store = sqliteStore(directory);
  await store.open();
  const before = store.reading().messageCount;
  const outcomes = await Promise.all(
    [...ledger].slice(0, 2000).map((id) => store.deposit(depositOf("again", { id, mailbox: `box ${id.length % 3}` }))),
  );
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(["known"]));
  expect(store.reading().messageCount).toBe(before);
  await store.close();
}
