import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { PeerStream } from "../../streams/peer-stream.ts";
import { safeFileName } from "./file-name.ts";
import { countIn, ExactReader, wordsOf } from "./words.ts";

const PIECE_BYTES = 262_144;
const SHA256_BYTES = 32;

/** What is told while a file comes. */
export type ReceiveEvents = {
  readonly onOffer: (file: { readonly path: string; readonly sizeBytes: number }) => void;
  readonly onProgress: (doneBytes: number) => void;
};

/** What has come. */
export type ReceivedFile = { readonly path: string; readonly sizeBytes: number; readonly sha256: string };

/**
 * Receives a file by a stream into `path.part`, and names it when its SHA-256 is that of the sender. What is there of an earlier try
 * is gone on with. A file that is there, or comes meanwhile, is not replaced.
 * @param output where it goes: a file, or a folder that is there; undefined: the present one. In a folder it has the name that the sender
 *   gives
 * @throws Error where there is a file of that name, or it cannot be written; and as the stream
 */
export async function receiveFile(
  stream: PeerStream,
  output: string | undefined,
  events: ReceiveEvents,
): Promise<ReceivedFile> {
  const reader = new ExactReader(stream.readable);
  const writer = stream.writable.getWriter();
  const offer = await reader.words();
  const sizeBytes = countIn(offer, "sizeBytes");
  const path = await placeOf(output, safeFileName(String(offer["name"])));
  if (await exists(path)) throw new Error(isThere(path));
  events.onOffer({ path, sizeBytes });
  const part = `${path}.part`;
  const there = await beginningOf(part, sizeBytes);
  await writer.write(wordsOf({ bytes: there.bytes, sha256: there.hash.copy().digest("hex") }));
  const start = countIn(await reader.words(), "start");
  if (start !== 0 && start !== there.bytes) throw new Error("the other side speaks something else");
  const hash = start === 0 ? createHash("sha256") : there.hash;
  const file = await open(part, start === 0 ? "w" : "r+");
  try {
    await writeAll(file, { reader, hash, start, sizeBytes }, events.onProgress);
    await file.sync();
  } finally {
    await file.close();
  }
  const sha256 = await reader.exactly(SHA256_BYTES);
  if (!hash.digest().equals(sha256)) throw new Error("the file is not what was sent: start again");
  await nameFile(part, path);
  // The file is here, whether or not the sender waits to hear it.
  await writer
    .write(wordsOf({ isReceived: true }))
    .then(() => writer.close())
    .catch(() => undefined);
  return { path, sizeBytes, sha256: sha256.toString("hex") };
}

/** Into a folder that is there by the sender's name. */
async function placeOf(output: string | undefined, name: string): Promise<string> {
  const isFolder = await stat(output ?? ".").then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  return isFolder ? join(output ?? ".", name) : (output ?? name);
}

type Body = { readonly reader: ExactReader; readonly hash: Hash; readonly start: number; readonly sizeBytes: number };

async function writeAll(
  file: FileHandle,
  { reader, hash, start, sizeBytes }: Body,
  onProgress: (doneBytes: number) => void,
): Promise<void> {
  let doneBytes = start;
  onProgress(doneBytes);
  while (doneBytes < sizeBytes) {
    const piece = await reader.some(Math.min(PIECE_BYTES, sizeBytes - doneBytes));
    await writePiece(file, piece, doneBytes);
    hash.update(piece);
    doneBytes += piece.length;
    onProgress(doneBytes);
  }
}

/** Writes all of it: where the disk is nearly full the system takes a part, and only the next write says why. */
async function writePiece(file: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < piece.length; ) {
    const { bytesWritten } = await file.write(piece, at, piece.length - at, position + at);
    at += bytesWritten;
  }
}

/** What an earlier try has left: nothing, where it is more than the file. */
async function beginningOf(part: string, sizeBytes: number): Promise<{ readonly bytes: number; readonly hash: Hash }> {
  const hash = createHash("sha256");
  const bytes = await stat(part).then(
    ({ size }) => size,
    () => 0,
  );
  if (bytes === 0 || bytes > sizeBytes) return { bytes: 0, hash };
  for await (const piece of createReadStream(part)) if (piece instanceof Buffer) hash.update(piece);
  return { bytes, hash };
}

/** Gives it its name, unless a file of that name has come meanwhile. */
async function nameFile(part: string, path: string): Promise<void> {
  const error = await link(part, path).then(
    () => undefined,
    (failure: NodeJS.ErrnoException) => failure,
  );
  if (error === undefined) await unlink(part);
  else if (error.code === "EEXIST" || (await exists(path))) throw new Error(isThere(path));
  // Not every disk has links.
  else await rename(part, path);
}

function isThere(path: string): string {
  return `${path} is there already: move it, or choose another name with --output`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
