import { Duplex } from "streamx";
import { Buffer } from "#buffer";
import { DeliveryError } from "../errors.ts";
import type { PeerStream } from "../streams/peer-stream.ts";
import { StreamError } from "../streams/stream-error.ts";
import type { ByteReader } from "./byte-reader.ts";

/** To more than this nothing is joined: a large one costs less alone than to be copied. */
const MAX_JOINED_BYTES = 16 * 1024;

type Done = (error: Error | null) => void;

/** A stream to a peer as a secret stream takes it: bytes in order, with back-pressure both ways. */
export class RawStream extends Duplex {
  readonly #stream: PeerStream;
  readonly #reader: ByteReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #isFinished = false;
  #hasEnded = false;

  constructor(stream: PeerStream, reader: ByteReader, writer: WritableStreamDefaultWriter<Uint8Array>) {
    super();
    this.#stream = stream;
    this.#reader = reader;
    this.#writer = writer;
    writer.closed.catch((error: unknown) => this.destroy(connectionError(error)));
  }

  /** The peer is not reached for now. */
  get isPeerAway(): boolean {
    return this.#stream.isPeerAway;
  }

  /** The peer does not come back. */
  peerGone(): void {
    this.destroy(connectionError(new DeliveryError("peer-gone")));
  }

  override _read(done: Done): void {
    void this.#read(done);
  }

  override _writev(batch: unknown[], done: Done): void {
    if (batch.every(isBytes)) void settle(this.#write(batch), done);
    else done(new TypeError("a raw stream takes bytes"));
  }

  override _final(done: Done): void {
    void settle(this.#writer.close(), (error) => {
      this.#isFinished = error === null;
      done(error);
    });
  }

  override _predestroy(): void {
    if (!this.#isFinished || !this.#hasEnded) this.#stream.abort();
  }

  async #write(batch: readonly Uint8Array[]): Promise<void> {
    for (const piece of piecesOf(batch)) await this.#writer.write(piece);
  }

  async #read(done: Done): Promise<void> {
    try {
      const bytes = await this.#reader.next();
      this.#hasEnded = bytes === undefined;
      // A Buffer, because that is what apps get of it in the end.
      this.push(bytes === undefined ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      done(null);
    } catch (error) {
      done(connectionError(error));
    }
  }
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** What waits together goes together: short ones that follow each other become one piece. */
function* piecesOf(batch: readonly Uint8Array[]): Generator<Uint8Array> {
  let joined: Uint8Array[] = [];
  let joinedBytes = 0;
  for (const bytes of batch) {
    if (joined.length > 0 && joinedBytes + bytes.byteLength > MAX_JOINED_BYTES) {
      yield pieceOf(joined);
      [joined, joinedBytes] = [[], 0];
    }
    joined.push(bytes);
    joinedBytes += bytes.byteLength;
  }
  if (joined.length > 0) yield pieceOf(joined);
}

function pieceOf(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
}

/** Never rejects. */
async function settle(task: Promise<void>, done: Done): Promise<void> {
  const error = await task.then(
    () => null,
    (cause: unknown) => connectionError(cause),
  );
  done(error);
}

/** As the sockets of hyperdht say it, which apps know: the other side has ended it, or is gone. */
function connectionError(cause: unknown): Error {
  if (cause instanceof StreamError) return coded("ECONNRESET", "connection reset by peer", cause);
  if (cause instanceof DeliveryError && cause.code === "peer-gone")
    return coded("ETIMEDOUT", "the peer is gone", cause);
  return cause instanceof Error ? cause : new Error("the stream has failed", { cause });
}

function coded(code: string, sentence: string, cause: Error): Error {
  return Object.assign(new Error(`${code}: ${sentence}`, { cause }), { code });
}
