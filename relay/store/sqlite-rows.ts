import type { SQLOutputValue } from "node:sqlite";

/** A row as SQLite gives it. */
type Row = Readonly<Record<string, SQLOutputValue>>;

/** Reads a column of numbers. @throws TypeError where it holds none, which the schema rules out. */
export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column];
  if (typeof value !== "number") throw new TypeError(`${column} is no number`);
  return value;
}

/** Reads a column of text. @throws TypeError as above. */
export function textIn(row: Row | undefined, column: string): string {
  const value = row?.[column];
  if (typeof value !== "string") throw new TypeError(`${column} is no text`);
  return value;
}

/** Reads a column of bytes: a copy. @throws TypeError as above. */
export function bytesIn(row: Row | undefined, column: string): Uint8Array {
  const value = row?.[column];
  if (!(value instanceof Uint8Array)) throw new TypeError(`${column} holds no bytes`);
  return value;
}
