import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import type { PeerStream } from "../../streams/peer-stream.ts";
import { countIn, ExactReader, wordsOf } from "./words.ts";

/** A file to be sent, as it was when the command began. */
export type FileOffer = { readonly path: string; readonly name: string; readonly sizeBytes: number };

/**
 * Sends a file by a stream: its name and size, then, from where the other side has it already, its bytes and the SHA-256 of all of it.
 * @returns the SHA-256 in hex, when the other side has said that it has the file
 * @throws Error where the file has changed meanwhile, or cannot be read; and as the stream
 */
export async function sendFile(
  stream: PeerStream,
  file: FileOffer,
  onProgress: (doneBytes: number) => void,
): Promise<string> {
  const reader = new ExactReader(stream.readable);
  const writer = stream.writable.getWriter();
  await writer.write(wordsOf({ name: file.name, sizeBytes: file.sizeBytes }));
  const has = await reader.words();
  const { start, hash } = await startOf(file, Math.min(countIn(has, "bytes"), file.sizeBytes), has["sha256"]);
  await writer.write(wordsOf({ start }));
  let doneBytes = start;
  onProgress(doneBytes);
  for await (const piece of piecesOf(file.path, start, file.sizeBytes)) {
    hash.update(piece);
    await writer.write(piece);
    doneBytes += piece.length;
    onProgress(doneBytes);
  }
  if (doneBytes !== file.sizeBytes) throw new Error(`${file.name} has changed while it was sent`);
  const sha256 = hash.digest();
  await writer.write(sha256);
  await writer.close();
  if ((await reader.words())["isReceived"] !== true) throw new Error("the other side has it otherwise");
  return sha256.toString("hex");
}

/** From where on to send: what is there has to be the beginning of this file. */
async function startOf(file: FileOffer, bytes: number, sha256: unknown): Promise<{ start: number; hash: Hash }> {
  const hash = createHash("sha256");
  for await (const piece of piecesOf(file.path, 0, bytes)) hash.update(piece);
  if (hash.copy().digest("hex") === sha256) return { start: bytes, hash };
  return { start: 0, hash: createHash("sha256") };
}

async function* piecesOf(path: string, from: number, to: number): AsyncGenerator<Buffer> {
  if (from === to) return;
  for await (const piece of createReadStream(path, { start: from, end: to - 1, highWaterMark: 262_144 })) {
    if (piece instanceof Buffer) yield piece;
  }
}
