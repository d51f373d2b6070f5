import { Deferred } from "./deferred.ts";

/** How much waits in a stream: a `highWaterMark` of 1 and a size of 1 for each chunk, unless they are set. */
export type Strategy<T> = { readonly highWaterMark?: number; readonly size?: (chunk: T) => number };

/** What a stream writes to. `write` and `close` are called one after the other, each when the one before has settled. */
export type Sink<T> = {
  readonly start?: (controller: WritableController) => unknown;
  readonly write?: (chunk: T, controller: WritableController) => unknown;
  readonly close?: () => unknown;
  readonly abort?: (reason: unknown) => unknown;
};
/** @property signal is aborted at once when the stream is, while a write is under way too. */
export type WritableController = { readonly signal: AbortSignal; readonly error: (reason?: unknown) => void };

const CLOSE = Symbol("close");
type Waiting<T> = { readonly chunk: T | typeof CLOSE; readonly size: number; readonly done: Deferred<undefined> };
type Abort = { readonly done: Deferred<undefined>; readonly reason: unknown; readonly wasErroring: boolean };

/** The writable stream of the web's (WHATWG Streams section 5). */
export class WritableStream<T = unknown> {
  readonly #sink: Sink<T>;
  readonly #settings: { readonly highWaterMark: number; readonly size: (chunk: T) => number };
  readonly #abortion = new AbortController();
  readonly #controller: WritableController;
  #queue: Waiting<T>[] = [];
  #queuedSize = 0;
  #state: "writable" | "erroring" | "errored" | "closed" = "writable";
  #error: unknown;
  #underWay: Waiting<T> | undefined;
  #isStarted = false;
  #isClosing = false;
  #abort: Abort | undefined;
  #writer: Writer<T> | undefined;

  constructor(sink: Sink<T> = {}, { highWaterMark = 1, size = () => 1 }: Strategy<T> = {}) {
    this.#sink = sink;
    this.#settings = { highWaterMark, size };
    this.#controller = {
      signal: this.#abortion.signal,
      error: (reason) => {
        if (this.#state === "writable") this.#beginToFail(reason);
      },
    };
    const started = sink.start?.(this.#controller);
    void this.#start(started);
  }

  get locked(): boolean {
    return this.#writer !== undefined;
  }

  /** @throws TypeError where it has one already */
  getWriter(): Writer<T> {
    if (this.#writer !== undefined) throw new TypeError("the stream is locked");
    const writer: Writer<T> = new Writer<T>({
      desiredSize: () => this.#desiredSize(),
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (reason) => this.#giveUp(reason),
      release: () => {
        this.#writer = undefined;
      },
    });
    this.#writer = writer;
    this.#tellReadiness();
    if (this.#state === "closed") writer.closing.resolve(undefined);
    if (this.#state === "errored") writer.closing.reject(this.#error);
    return writer;
  }

  /** Ends it behind what was written. */
  async close(): Promise<undefined> {
    if (this.#writer !== undefined) throw new TypeError("the stream is locked");
    return this.#close();
  }

  /** Ends it at once: what waits is thrown away. */
  async abort(reason?: unknown): Promise<undefined> {
    if (this.#writer !== undefined) throw new TypeError("the stream is locked");
    return this.#giveUp(reason);
  }

  async #start(started: unknown): Promise<void> {
    try {
      await started;
      this.#isStarted = true;
    } catch (error) {
      this.#isStarted = true;
      if (this.#state === "writable") this.#beginToFail(error);
    }
    this.#advance();
  }

  #desiredSize(): number | null {
    if (this.#state === "erroring" || this.#state === "errored") return null;
    return this.#state === "closed" ? 0 : this.#settings.highWaterMark - this.#queuedSize;
  }

  async #write(chunk: T): Promise<undefined> {
    let size = 1;
    try {
      size = this.#settings.size(chunk);
    } catch (error) {
      this.#controller.error(error);
      throw error;
    }
    if (this.#state === "errored" || this.#state === "erroring") throw this.#error;
    if (this.#isClosing || this.#state === "closed") throw new TypeError("the stream is closed");
    return this.#add({ chunk, size, done: new Deferred() });
  }

  async #close(): Promise<undefined> {
    if (this.#state === "errored" || this.#state === "closed" || this.#isClosing) {
      throw new TypeError("the stream has ended");
    }
    this.#isClosing = true;
    return this.#add({ chunk: CLOSE, size: 0, done: new Deferred() });
  }

  #add(waiting: Waiting<T>): Promise<undefined> {
    this.#queue.push(waiting);
    this.#queuedSize += waiting.size;
    this.#tellReadiness();
    this.#advance();
    return waiting.done.promise;
  }

  #advance(): void {
    if (!this.#isStarted || this.#underWay !== undefined) return;
    if (this.#state === "erroring") return this.#fail();
    const [next] = this.#queue;
    if (next === undefined || this.#state !== "writable") return;
    this.#underWay = next;
    void (next.chunk === CLOSE ? this.#finish(next) : this.#pass(next, next.chunk));
  }

  async #pass(waiting: Waiting<T>, chunk: T): Promise<void> {
    try {
      await this.#sink.write?.(chunk, this.#controller);
    } catch (error) {
      return this.#failed(waiting, error);
    }
    waiting.done.resolve(undefined);
    this.#underWay = undefined;
    this.#queue.shift();
    this.#queuedSize -= waiting.size;
    this.#tellReadiness();
    this.#advance();
  }

  async #finish(waiting: Waiting<T>): Promise<void> {
    try {
      await this.#sink.close?.();
    } catch (error) {
      this.#abort?.done.reject(error);
      this.#abort = undefined;
      return this.#failed(waiting, error);
    }
    this.#underWay = undefined;
    this.#queue = [];
    this.#state = "closed";
    this.#error = undefined;
    waiting.done.resolve(undefined);
    this.#abort?.done.resolve(undefined);
    this.#abort = undefined;
    this.#writer?.closing.resolve(undefined);
  }

  #failed(waiting: Waiting<T>, error: unknown): void {
    this.#underWay = undefined;
    this.#queue.shift();
    waiting.done.reject(error);
    if (this.#state === "writable") this.#beginToFail(error);
    else this.#fail();
  }

  /** What is under way is waited for. */
  #beginToFail(error: unknown): void {
    this.#state = "erroring";
    this.#error = error;
    this.#tellReadiness();
    if (this.#isStarted && this.#underWay === undefined) this.#fail();
  }

  #fail(): void {
    if (this.#state !== "erroring") return;
    this.#state = "errored";
    const closing = this.#queue.filter(({ chunk }) => chunk === CLOSE);
    for (const { chunk, done } of this.#queue) if (chunk !== CLOSE) done.reject(this.#error);
    this.#queue = [];
    this.#queuedSize = 0;
    const abort = this.#abort;
    this.#abort = undefined;
    if (abort === undefined) return this.#tellFailure(closing);
    if (abort.wasErroring) {
      abort.done.reject(this.#error);
      return this.#tellFailure(closing);
    }
    void this.#passAbort(abort, closing);
  }

  async #passAbort({ reason, done }: Abort, closing: readonly Waiting<T>[]): Promise<void> {
    try {
      await this.#sink.abort?.(reason);
      done.resolve(undefined);
    } catch (error) {
      done.reject(error);
    }
    this.#tellFailure(closing);
  }

  #tellFailure(closing: readonly Waiting<T>[]): void {
    for (const { done } of closing) done.reject(this.#error);
    this.#writer?.closing.reject(this.#error);
  }

  async #giveUp(reason: unknown): Promise<undefined> {
    if (this.#hasEnded) return undefined;
    this.#abortion.abort(reason);
    // Who heard of it may have ended it.
    if (this.#hasEnded) return undefined;
    if (this.#abort !== undefined) return this.#abort.done.promise;
    const wasErroring = this.#state === "erroring";
    const done = new Deferred<undefined>();
    this.#abort = { done, reason: wasErroring ? undefined : reason, wasErroring };
    if (!wasErroring) this.#beginToFail(reason);
    return done.promise;
  }

  get #hasEnded(): boolean {
    return this.#state === "closed" || this.#state === "errored";
  }

  #tellReadiness(): void {
    const isFailing = this.#state === "erroring" || this.#state === "errored";
    if (isFailing) this.#writer?.fail(this.#error);
    else this.#writer?.tell(this.#isClosing || (this.#desiredSize() ?? 0) > 0 || this.#state === "closed");
  }
}

/** What a writer does to its stream. */
type Writing<T> = {
  readonly desiredSize: () => number | null;
  readonly write: (chunk: T) => Promise<undefined>;
  readonly close: () => Promise<undefined>;
  readonly abort: (reason: unknown) => Promise<undefined>;
  readonly release: () => void;
};

/** The one that writes to a stream, until it lets go of it (WHATWG Streams section 5.3). */
class Writer<T> {
  readonly #writing: Writing<T>;
  #closing = new Deferred<undefined>();
  #ready = new Deferred<undefined>();
  #isReady = false;
  #isReleased = false;

  constructor(writing: Writing<T>) {
    this.#writing = writing;
  }

  get closed(): Promise<undefined> {
    return this.#closing.promise;
  }

  /** There is room; anew each time that there was none. */
  get ready(): Promise<undefined> {
    return this.#ready.promise;
  }

  get desiredSize(): number | null {
    return this.#held.desiredSize();
  }

  async write(chunk: T): Promise<undefined> {
    return this.#held.write(chunk);
  }

  async close(): Promise<undefined> {
    return this.#held.close();
  }

  async abort(reason?: unknown): Promise<undefined> {
    return this.#held.abort(reason);
  }

  releaseLock(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const error = new TypeError("the writer has let go of its stream");
    this.#closing = new Deferred();
    this.#closing.reject(error);
    this.fail(error);
    this.#writing.release();
  }

  /** Of the stream alone. */
  get closing(): Deferred<undefined> {
    return this.#closing;
  }

  /** Of the stream alone: whether there is room. */
  tell(isReady: boolean): void {
    if (isReady) this.#ready.resolve(undefined);
    else if (this.#isReady) this.#ready = new Deferred();
    this.#isReady = isReady;
  }

  /** Of the stream alone: there never will be. */
  fail(error: unknown): void {
    if (this.#isReady) this.#ready = new Deferred();
    this.#isReady = false;
    this.#ready.reject(error);
  }

  get #held(): Writing<T> {
    if (this.#isReleased) throw new TypeError("the writer has let go of its stream");
    return this.#writing;
  }
}
