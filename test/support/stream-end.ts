import type { DirectLanes, SharedLanes } from "../../client/delivery/direct-lanes.ts";
import { PosternError } from "../../client/errors.ts";
import type { StreamSecrets } from "../../client/stream-host.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { TopicStreams } from "../../client/streams/topic-streams.ts";

/** What an app's own writer fails with when it has aborted it. */
const OWN_REASON = "enough";

/** Which byte a direction has at an offset: another one for each stream, direction, and nearly each offset. */
function byteAt(salt: number, offset: number): number {
  return (Math.imul(offset ^ (offset >>> 8), 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b)) >>> 24;
}

/** The streams beside these lanes of messages. */
export function streamsOver(lanes: DirectLanes, secrets?: StreamSecrets): TopicStreams {
  const host = { peers: { get: (id: string) => ({ id, isClassic: false }) }, ended: new AbortController().signal };
  const made = lanes.extend((shared: SharedLanes) => new TopicStreams(host, shared, () => 100_000, secrets));
  if (!(made instanceof TopicStreams)) throw new Error("other streams");
  return made;
}

/** What one side of a stream has written and read, and whether that is what the other one has written. */
export class StreamSide {
  readonly stream: PeerStream;
  /** The codes of what failed. */
  readonly codes: Set<string> = new Set();
  writtenBytes = 0;
  takenBytes = 0;
  readBytes = 0;
  hasClosed = false;
  hasArrived = false;
  hasAborted = false;
  hasCancelled = false;
  hasEnded = false;
  closed: "waits" | "done" | "failed" = "waits";
  wrong: string | undefined;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #outSalt: number;
  readonly #inSalt: number;
  #isReading = false;
  #isReadingNow = false;

  constructor(stream: PeerStream, salt: number) {
    this.stream = stream;
    this.#outSalt = 2 * salt + (stream.isIncoming ? 1 : 0);
    this.#inSalt = 2 * salt + (stream.isIncoming ? 0 : 1);
    this.#writer = stream.writable.getWriter();
    this.#reader = stream.readable.getReader();
    for (const { closed } of [this.#writer, this.#reader]) closed.catch((error: unknown) => this.#note(error));
    stream.closed.then(
      () => (this.closed = "done"),
      (error: unknown) => {
        this.closed = "failed";
        this.#note(error);
      },
    );
  }

  get hasFailed(): boolean {
    return this.codes.size > 0;
  }

  write(size: number): void {
    if (this.hasClosed || this.hasAborted) return;
    const bytes = new Uint8Array(size);
    for (let index = 0; index < size; index += 1) bytes[index] = byteAt(this.#outSalt, this.writtenBytes + index);
    this.writtenBytes += size;
    void this.#follow(bytes);
  }

  close(): void {
    if (this.hasClosed || this.hasAborted) return;
    this.hasClosed = true;
    this.#writer.close().then(
      () => (this.hasArrived = true),
      // Of a writable that has failed it is a TypeError; why it has failed, `closed` has said.
      (error: unknown) => error instanceof TypeError || this.#note(error),
    );
  }

  selfSeal(): void {
    this.stream.selfSealed();
  }

  abort(): void {
    this.hasAborted = true;
    this.#writer.abort(OWN_REASON).catch((error: unknown) => this.#note(error));
  }

  cancel(): void {
    this.hasCancelled = true;
    this.#isReading = false;
    this.#reader.cancel({ reasonCode: 7, reason: "no more" }).catch((error: unknown) => this.#note(error));
  }

  read(isReading: boolean): void {
    this.#isReading = isReading && !this.hasCancelled;
    if (this.#isReading && !this.#isReadingNow) void this.#readAll();
  }

  async #follow(bytes: Uint8Array): Promise<void> {
    try {
      await this.#writer.write(bytes);
      this.takenBytes += bytes.byteLength;
      // An app may use its bytes again.
      bytes.fill(0);
    } catch (error) {
      this.#note(error);
    }
  }

  async #readAll(): Promise<void> {
    this.#isReadingNow = true;
    try {
      while (this.#isReading) {
        const { done, value } = await this.#reader.read();
        if (done) this.hasEnded = !this.hasCancelled;
        if (value === undefined) break;
        this.#check(value);
      }
    } catch (error) {
      this.#note(error);
    }
    this.#isReadingNow = false;
  }

  #check(bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) {
      if (byte === byteAt(this.#inSalt, this.readBytes + index)) continue;
      this.wrong ??= `another byte at ${this.readBytes + index}`;
      break;
    }
    this.readBytes += bytes.byteLength;
  }

  #note(error: unknown): void {
    if (error === OWN_REASON) this.codes.add("stream-aborted");
    else this.codes.add(error instanceof PosternError ? error.code : `no code: ${String(error)}`);
  }
}
