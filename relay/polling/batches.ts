import { REQUESTS_IN_FLIGHT } from "../../protocol/polling.ts";
import type { Clock, Timer } from "../clock.ts";
import type { SendQueue, WriteRoom } from "../websocket/send-queue.ts";

/**
 * The first batch: at 64 kbit/s two of them take 4 s, and a reader that reads is not taken for one that does not. The next
 * ones are as large as the client is quick.
 */
const FIRST_BATCH_BYTES = 16_384;
const MIN_BATCH_BYTES = 4096;
/** A batch that was read so soon may be four times as large the next time; one that took so long, half as large. */
const QUICK_MS = 1000;
const SLOW_MS = 3000;
const GROWTH = 4;

const NOTHING = Buffer.alloc(0);

/** A poll that waits for its answer. Each is called once at most, and one of them in the end. */
export interface PendingPoll {
  /** Answers with a batch; nothing in it: ask again. The bytes are not to be written to. */
  answer(batch: Uint8Array): void;
  /** The conversation is over: there is no such session. */
  gone(): void;
}

type Kept = { readonly bytes: Uint8Array; givenAtMs: number };
type Waiting = { readonly poll: PendingPoll; readonly timer: Timer };

/**
 * What waits for a client that polls, as numbered batches: each is a piece of the stream of frames, the same bytes however
 * often it is asked for, and kept until the client says that it has it.
 */
export class Batches {
  readonly #clock: Clock;
  readonly #queue: SendQueue;
  readonly #maxBatchBytes: number;
  /** Batches that were not confirmed; the first has the number `#first`. */
  readonly #kept: Kept[] = [];
  #first = 0;
  #keptBytes = 0;
  #readBytes = 0;
  #givenBytes = 0;
  #sizeBytes: number;
  readonly #waiting = new Map<number, Waiting>();

  constructor(clock: Clock, queue: SendQueue, { maxBatchBytes }: { readonly maxBatchBytes: number }) {
    this.#clock = clock;
    this.#queue = queue;
    this.#maxBatchBytes = maxBatchBytes;
    this.#sizeBytes = Math.min(FIRST_BATCH_BYTES, maxBatchBytes);
  }

  /** Bytes of batches that were not confirmed. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Bytes that the client has said it has. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Bytes that were given, as often as they were. */
  get givenBytes(): number {
    return this.#givenBytes;
  }

  /** Whether the client asks for what comes next. */
  get isAwaited(): boolean {
    return this.#waiting.has(this.#next);
  }

  /** How large the next one may be. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** How much of what waits is as good as on its way: of a client that was quick, what its next poll takes. */
  get readyBytes(): number {
    return this.#sizeBytes > FIRST_BATCH_BYTES ? this.#sizeBytes : 0;
  }

  /** The client has so many batches. @returns the bytes of those that it had not named before; undefined: there are not so many. */
  confirm(received: number): number | undefined {
    if (received > this.#next) return undefined;
    const nowMs = this.#clock.monotonicMs();
    let byteCount = 0;
    while (this.#first < received) {
      const batch = this.#kept.shift();
      if (batch === undefined) break;
      this.#first += 1;
      byteCount += batch.bytes.length;
      this.#adapt(batch, nowMs);
    }
    this.#keptBytes -= byteCount;
    this.#readBytes += byteCount;
    return byteCount;
  }

  /** Whether a client that has confirmed what it has may ask for this. */
  mayAsk(number: number): boolean {
    return number < this.#first + REQUESTS_IN_FLIGHT;
  }

  /**
   * Answers at once with a batch that is there, or when there is one, or with nothing when the time is over. A later poll for
   * the same takes the place of one that waits, which is told to ask again.
   */
  ask(number: number, poll: PendingPoll, waitMs: number): void {
    const kept = this.#kept[number - this.#first];
    // A copy of a request that the client has its answer to: nobody reads this one.
    if (number < this.#first) poll.answer(NOTHING);
    else if (kept !== undefined) this.#answer(poll, kept.bytes);
    else {
      this.#letGo(number);
      const timer = this.#clock.after(waitMs, () => this.#letGo(number));
      this.#waiting.set(number, { poll, timer });
    }
  }

  /** Forgets a poll whose connection is gone. */
  forget(number: number, poll: PendingPoll): void {
    const waiting = this.#waiting.get(number);
    if (waiting?.poll !== poll) return;
    waiting.timer.cancel();
    this.#waiting.delete(number);
  }

  /** Gives what waits to the polls that ask for it. @returns how many bytes were given. */
  give(): number {
    let givenBytes = 0;
    for (let waiting = this.#waiting.get(this.#next); waiting !== undefined; waiting = this.#waiting.get(this.#next)) {
      const bytes = this.#take();
      if (bytes === undefined) break;
      this.#waiting.delete(this.#next);
      waiting.timer.cancel();
      this.#kept.push({ bytes, givenAtMs: this.#clock.monotonicMs() });
      this.#keptBytes += bytes.length;
      givenBytes += bytes.length;
      this.#answer(waiting.poll, bytes);
    }
    return givenBytes;
  }

  /** Tells those who wait that it is over, and lets go of what is kept. */
  end(): void {
    for (const { poll, timer } of this.#waiting.values()) {
      timer.cancel();
      poll.gone();
    }
    this.#waiting.clear();
    this.#kept.length = 0;
    this.#keptBytes = 0;
  }

  get #next(): number {
    return this.#first + this.#kept.length;
  }

  #answer(poll: PendingPoll, bytes: Uint8Array): void {
    this.#givenBytes += bytes.length;
    poll.answer(bytes);
  }

  #letGo(number: number): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    waiting.timer.cancel();
    this.#waiting.delete(number);
    waiting.poll.answer(NOTHING);
  }

  /** @returns the next batch; undefined where nothing waits. */
  #take(): Uint8Array | undefined {
    const pieces: Uint8Array[] = [];
    for (let leftBytes = this.#sizeBytes; leftBytes > 0; ) {
      const piece = this.#queue.take(roomFor(leftBytes), 0);
      if (piece === undefined) break;
      leftBytes -= piece.length;
      // Memory that is used again when it was written: a batch is kept for longer than that.
      pieces.push(this.#queue.isLending ? Buffer.from(piece) : piece);
      this.#queue.written();
    }
    // One piece goes as it is: clients that were given the same frames share it.
    return pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
  }

  #adapt({ bytes, givenAtMs }: Kept, nowMs: number): void {
    const tookMs = nowMs - givenAtMs;
    if (tookMs >= SLOW_MS) this.#sizeBytes = Math.max(MIN_BATCH_BYTES, this.#sizeBytes / 2);
    // One that was small says nothing of larger ones.
    else if (tookMs < QUICK_MS && bytes.length * 2 >= this.#sizeBytes)
      this.#sizeBytes = Math.min(this.#maxBatchBytes, this.#sizeBytes * GROWTH);
  }
}

/** Room for one piece of a batch: what its client has read, it says by itself, so it is asked nothing. */
function roomFor(roomBytes: number): WriteRoom {
  return {
    roomBytes,
    fragmentBytes: Number.POSITIVE_INFINITY,
    isPingDue: false,
    wrote: () => false,
    pinged: () => 0,
  };
}
