import { chunkCost } from "../delivery/frame.ts";
import type { PosternError } from "../errors.ts";

const NO_BYTES = new Uint8Array();

/** What a readable tells. */
export type ReadSideEvents = {
  /** So much was taken from what waits, counted as the window counts. */
  readonly onRead: (cost: number) => void;
  /** The app wants no more, and the peer has not ended. */
  readonly onCancel: (reason: unknown) => void;
  /** Nothing follows, and the app has everything. */
  readonly onDone: () => void;
};

/** What comes from the peer, until the app reads it. */
export class ReadSide {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #events: ReadSideEvents;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #unread: Uint8Array[] = [];
  #readCount = 0;
  /** The app waits for bytes. */
  #isWanted = false;
  #isOver = false;
  /** The readable takes nothing any more: it was closed, cancelled, or has failed. */
  #isShut = false;

  constructor(events: ReadSideEvents) {
    this.#events = events;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#isWanted = true;
          this.#advance();
        },
        cancel: (reason) => this.#cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }

  /** The peer has ended, in whichever way. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing follows, and nothing waits. */
  get isDone(): boolean {
    return this.#isOver && this.#unread.length === 0;
  }

  /** Bytes have come. */
  push(bytes: Uint8Array): void {
    if (this.#isShut) return this.#events.onRead(costOf(bytes));
    this.#unread.push(bytes);
    this.#advance();
  }

  /** The peer has ended: the app gets what waits, and then the end. */
  end(): void {
    this.#isOver = true;
    if (this.#isShut) this.#events.onDone();
    else this.#advance();
  }

  /** It is over, and what waits is thrown away. */
  fail(error: PosternError): void {
    this.#isOver = true;
    this.discard(error);
  }

  /** The app wants nothing of it any more. */
  discard(error: PosternError): void {
    this.#drop();
    if (!this.#isShut) {
      this.#isShut = true;
      this.#controller?.error(error);
    }
    if (this.#isOver) this.#events.onDone();
  }

  #advance(): void {
    while (this.#isWanted && this.#readCount < this.#unread.length) {
      // Enqueuing may want the next one at once.
      this.#isWanted = false;
      const bytes = this.#shift();
      this.#controller?.enqueue(bytes);
      this.#events.onRead(costOf(bytes));
    }
    if (!this.isDone || this.#isShut) return;
    this.#isShut = true;
    this.#controller?.close();
    this.#events.onDone();
  }

  #cancel(reason: unknown): void {
    this.#isShut = true;
    const wasOver = this.#isOver;
    this.#drop();
    if (wasOver) this.#events.onDone();
    else this.#events.onCancel(reason);
  }

  #drop(): void {
    let cost = 0;
    while (this.#unread.length > 0) cost += costOf(this.#shift());
    if (cost > 0) this.#events.onRead(cost);
  }

  /** Moves the rest only now and then: there may be very many. */
  #shift(): Uint8Array {
    const bytes = this.#unread[this.#readCount] ?? NO_BYTES;
    this.#unread[this.#readCount] = NO_BYTES;
    this.#readCount += 1;
    if (this.#readCount * 2 >= this.#unread.length) {
      this.#unread = this.#unread.slice(this.#readCount);
      this.#readCount = 0;
    }
    return bytes;
  }
}

/** As the sender counts it: with the byte of its kind. */
function costOf(bytes: Uint8Array): number {
  return chunkCost(1 + bytes.byteLength);
}
