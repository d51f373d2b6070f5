import { cpSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { placeOf } from "../../relay/store/sqlite-file.ts";
import { depositOf, sqliteStore, storeDirectory, textsIn } from "./mailbox-store.ts";

const PAGE_BYTES = 4096;
/** SQLite's file format, section 4.1: what stands before a page in the log. */
const FRAME_BYTES = PAGE_BYTES + 24;
const LOG_HEADER_BYTES = 32;

/** A directory with three messages in the file, and what its log still holds of eight more. */
async function withLog(): Promise<{ readonly directory: string; readonly logBytes: number }> {
  const [source, directory] = [await storeDirectory(), await storeDirectory()];
  const first = sqliteStore(source);
  await first.open();
  for (const text of ["a", "b", "c"]) await first.deposit(depositOf(text));
  await first.close();
  const store = sqliteStore(source);
  await store.open();
  for (let index = 0; index < 8; index += 1) await store.deposit(depositOf(`log ${index}`));
  // While it is open: its end writes the log back.
  cpSync(source, directory, { recursive: true });
  await store.close();
  return { directory, logBytes: statSync(`${placeOf(directory).file}-wal`).size };
}

/**
 * Cuts the log of a store at each of these pages, on copies of it, and opens what is left: it has to be whole commits, in order.
 * @param choose which of so many pages, rising
 * @returns how many pages there are, and how many messages were there at each cut
 */
export async function cutLogs(
  choose: (frameCount: number) => readonly number[],
): Promise<{ readonly frameCount: number; readonly counts: readonly number[] }> {
  const { directory, logBytes } = await withLog();
  const intact = await storeDirectory();
  cpSync(directory, intact, { recursive: true });
  const frameCount = Math.floor((logBytes - LOG_HEADER_BYTES) / FRAME_BYTES);
  const counts: number[] = [];
  for (const frame of choose(frameCount)) {
    const copy = join(await storeDirectory(), "cut");
    cpSync(intact, copy, { recursive: true });
    // In the middle of a page as well as between two.
    truncateSync(`${placeOf(copy).file}-wal`, LOG_HEADER_BYTES + frame * FRAME_BYTES + (frame % 2) * 100);
    const store = sqliteStore(copy);
    await store.open();
    const texts = await textsIn(store);
    expect(texts).toEqual(["a", "b", "c", ...texts.slice(3).map((_, index) => `log ${index}`)]);
    expect(store.reading().messageCount).toBe(texts.length);
    counts.push(texts.length);
    await store.close();
  }
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  return { frameCount, counts };
}
