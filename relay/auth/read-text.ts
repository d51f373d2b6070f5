import { readFile } from "node:fs/promises";
import { RelayError } from "../relay-error.ts";

/** A file of keys is some KiB. */
const MAX_FILE_BYTES = 1_048_576;

/** Reads a small file of the operator's. @throws RelayError AUTH_UNUSABLE naming the option and the path. */
export async function readText(path: string, option: string, maxBytes: number = MAX_FILE_BYTES): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it cannot be read";
    throw new RelayError("AUTH_UNUSABLE", `${option}: ${reason}`, { cause: error });
  }
  if (bytes.length > maxBytes) throw new RelayError("AUTH_UNUSABLE", `${option}, ${path}: above ${maxBytes} bytes`);
  return bytes.toString("utf8");
}
