import { MessageQueue } from "./message-queue.ts";
import type { Message } from "./topic.ts";

/** What one iterator may leave unread before messages are dropped for this client, and told as `lost`. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
const MAX_UNREAD_COUNT = 10_000;
/** What is kept for an app that has not begun to read: the latest ones. */
const MAX_EARLY_BYTES = 256 * 1024;
const MAX_EARLY_COUNT = 1000;

/** Messages on their way to the iterators of an app: each iterator gets all that come while it runs. */
export class Inbox {
  readonly #onRoom: () => void;
  readonly #readers = new Set<Reader>();
  /** Until somebody reads; then undefined for good. */
  #early: MessageQueue | undefined = new MessageQueue();
  #isFull = false;
  #isClosed = false;

  /** @param onRoom there is room again, after `hasRoom` was false. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** False while one of the iterators has as much unread as it may. */
  get hasRoom(): boolean {
    return !this.#isFull;
  }

  /** Takes a message, also beyond the bound: who gives it looks at `hasRoom` before. @param isHeard a listener had it. */
  offer(message: Message, { isHeard }: { readonly isHeard: boolean }): void {
    if (isHeard) this.#early = undefined;
    this.#early?.push(message);
    while (this.#early !== undefined && (this.#early.bytes > MAX_EARLY_BYTES || this.#early.count > MAX_EARLY_COUNT)) {
      this.#early.shift();
    }
    for (const reader of this.#readers) reader.push(message);
    this.#update();
  }

  /** The messages from now on; for the first one to ask, also the latest of before. */
  read(signal: AbortSignal | undefined): AsyncIterableIterator<Message> {
    const reader: Reader = new Reader(this.#early ?? new MessageQueue(), () => {
      if (reader.isFinished) this.#readers.delete(reader);
      this.#update();
    });
    this.#early = undefined;
    this.#readers.add(reader);
    if (this.#isClosed) reader.finish();
    signal?.addEventListener("abort", () => void reader.return(), { once: true });
    if (signal?.aborted === true) void reader.return();
    return reader;
  }

  /** Ends the iterators behind what they have not read yet. */
  close(): void {
    this.#isClosed = true;
    for (const reader of this.#readers) reader.finish();
  }

  #update(): void {
    const wasFull = this.#isFull;
    this.#isFull = [...this.#readers].some(({ isFull }) => isFull);
    if (wasFull && !this.#isFull) this.#onRoom();
  }
}

type Result = IteratorResult<Message, undefined>;

const END: Result = { done: true, value: undefined };

class Reader implements AsyncIterableIterator<Message> {
  readonly #queue: MessageQueue;
  readonly #onChange: () => void;
  /** Calls of `next` that wait; while there are any, the queue is empty. */
  readonly #waiting: ((result: Result) => void)[] = [];
  #isFinished = false;

  /** @param onChange one was taken, or it has ended. */
  constructor(queue: MessageQueue, onChange: () => void) {
    this.#queue = queue;
    this.#onChange = onChange;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  get isFull(): boolean {
    return this.#queue.bytes >= MAX_UNREAD_BYTES || this.#queue.count >= MAX_UNREAD_COUNT;
  }

  push(message: Message): void {
    if (this.#isFinished) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#queue.push(message);
    else waiting({ done: false, value: message });
  }

  /** No more come; what is unread can still be read. */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    for (const waiting of this.#waiting.splice(0)) waiting(END);
    this.#onChange();
  }

  next(): Promise<Result> {
    const value = this.#queue.shift();
    if (value !== undefined) {
      this.#onChange();
      return Promise.resolve({ done: false, value });
    }
    if (this.#isFinished) return Promise.resolve(END);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  return(): Promise<Result> {
    while (this.#queue.shift() !== undefined);
    this.finish();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
