import { Deferred } from "./deferred.ts";
import type { Strategy, WritableStream } from "./writable-stream.ts";

/** What a stream reads from, and how much it reads ahead. */
export type Source<T> = {
  readonly start?: (controller: Controller<T>) => unknown;
  readonly pull?: (controller: Controller<T>) => unknown;
  readonly cancel?: (reason: unknown) => unknown;
};
/** How one stream is led into another: what their ends do to each other, and what ends it. */
export type PipeOptions = {
  readonly preventClose?: boolean;
  readonly preventAbort?: boolean;
  readonly preventCancel?: boolean;
  readonly signal?: AbortSignal;
};
type Result<T> = { readonly done: false; readonly value: T } | { readonly done: true; readonly value: undefined };
type Controller<T> = {
  readonly desiredSize: number | null;
  enqueue(chunk: T): void;
  close(): void;
  error(reason?: unknown): void;
};

/**
 * The readable stream of the web's (WHATWG Streams section 4), for chunks of any kind: `getReader`, `for await`, `cancel`, `pipeTo`,
 * `pipeThrough`. It has no `tee`, no `from`, and no streams of bytes.
 */
export class ReadableStream<T = unknown> {
  readonly #source: Source<T>;
  readonly #settings: Required<Strategy<T>>;
  readonly #controller: Controller<T>;
  #queue: { readonly chunk: T; readonly size: number }[] = [];
  #queuedSize = 0;
  #state: "readable" | "closed" | "errored" = "readable";
  #error: unknown;
  #reads: Deferred<Result<T>>[] = [];
  #reader: Reader<T> | undefined;
  #isStarted = false;
  #isPulling = false;
  #isWanted = false;
  #isClosing = false;

  constructor(source: Source<T> = {}, { highWaterMark = 1, size = () => 1 }: Strategy<T> = {}) {
    this.#source = source;
    this.#settings = { highWaterMark, size };
    const desiredSize = (): number | null => this.#desiredSize();
    this.#controller = {
      get desiredSize(): number | null {
        return desiredSize();
      },
      enqueue: (chunk) => this.#enqueue(chunk),
      close: () => this.#closeSoon(),
      error: (reason) => this.#fail(reason),
    };
    const started = source.start?.(this.#controller);
    void this.#start(started);
  }

  get locked(): boolean {
    return this.#reader !== undefined;
  }

  /** @throws TypeError where it has one already */
  getReader(): Reader<T> {
    if (this.#reader !== undefined) throw new TypeError("the stream is locked");
    const closed = new Deferred<undefined>();
    if (this.#state === "closed") closed.resolve(undefined);
    if (this.#state === "errored") closed.reject(this.#error);
    const reader: Reader<T> = new Reader<T>(closed, {
      read: () => this.#read(),
      cancel: (reason) => this.#cancel(reason),
      release: (error) => {
        this.#reader = undefined;
        for (const read of this.#reads.splice(0)) read.reject(error);
      },
    });
    this.#reader = reader;
    return reader;
  }

  /** Nothing of it is wanted any more. */
  async cancel(reason?: unknown): Promise<undefined> {
    if (this.#reader !== undefined) throw new TypeError("the stream is locked");
    return this.#cancel(reason);
  }

  /** Writes all of it to another stream, and waits for that. */
  async pipeTo(target: WritableStream<T>, options: PipeOptions = {}): Promise<undefined> {
    const { signal, preventAbort = false, preventCancel = false, preventClose = false } = options;
    const [reader, writer] = [this.getReader(), target.getWriter()];
    const aborted = new Deferred<never>();
    const abort = (): void => aborted.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted === true) abort();
    let isOurs = false;
    try {
      for (;;) {
        await Promise.race([writer.ready, aborted.promise]);
        const { done, value } = await Promise.race([reader.read(), aborted.promise, writer.closed.then(targetEnded)]);
        if (done) break;
        // It is not waited for: the next one is read while there is room.
        writer.write(value).catch(() => undefined);
      }
      isOurs = true;
      if (!preventClose) await writer.close();
    } catch (error) {
      if (!isOurs && !preventCancel) await reader.cancel(error).catch(() => undefined);
      if (!isOurs && !preventAbort) await writer.abort(error).catch(() => undefined);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      reader.releaseLock();
      writer.releaseLock();
    }
  }

  /** Leads it through a pair of streams. @returns what comes out */
  pipeThrough<Out>(
    pair: { readonly writable: WritableStream<T>; readonly readable: Out },
    options: PipeOptions = {},
  ): Out {
    this.pipeTo(pair.writable, options).catch(() => undefined);
    return pair.readable;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    const reader = this.getReader();
    let hasEnded = false;
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          hasEnded = true;
          throw error;
        });
        hasEnded = done;
        if (done) return;
        yield value;
      }
    } finally {
      if (!hasEnded) await reader.cancel();
      reader.releaseLock();
    }
  }

  async #start(started: unknown): Promise<void> {
    try {
      await started;
    } catch (error) {
      return this.#fail(error);
    }
    this.#isStarted = true;
    this.#pullIfWanted();
  }

  #desiredSize(): number | null {
    if (this.#state === "errored") return null;
    return this.#state === "closed" ? 0 : this.#settings.highWaterMark - this.#queuedSize;
  }

  #enqueue(chunk: T): void {
    if (this.#isClosing || this.#state !== "readable") throw new TypeError("the stream has ended");
    const read = this.#reads.shift();
    if (read === undefined) {
      const size = this.#settings.size(chunk);
      this.#queue.push({ chunk, size });
      this.#queuedSize += size;
    } else read.resolve({ done: false, value: chunk });
    this.#pullIfWanted();
  }

  #read(): Promise<Result<T>> {
    const read = new Deferred<Result<T>>();
    const next = this.#queue.shift();
    if (next !== undefined) {
      this.#queuedSize -= next.size;
      read.resolve({ done: false, value: next.chunk });
      if (this.#isClosing && this.#queue.length === 0) this.#close();
      else this.#pullIfWanted();
    } else if (this.#state === "closed") read.resolve({ done: true, value: undefined });
    else if (this.#state === "errored") read.reject(this.#error);
    else {
      this.#reads.push(read);
      this.#pullIfWanted();
    }
    return read.promise;
  }

  #pullIfWanted(): void {
    const isWanted = this.#reads.length > 0 || (this.#desiredSize() ?? 0) > 0;
    if (!isWanted || !this.#isStarted || this.#isClosing || this.#state !== "readable") return;
    if (this.#isPulling) this.#isWanted = true;
    else void this.#pull();
  }

  async #pull(): Promise<void> {
    this.#isPulling = true;
    try {
      await this.#source.pull?.(this.#controller);
    } catch (error) {
      this.#fail(error);
    }
    this.#isPulling = false;
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#pullIfWanted();
  }

  #closeSoon(): void {
    if (this.#isClosing || this.#state !== "readable") throw new TypeError("the stream has ended");
    this.#isClosing = true;
    if (this.#queue.length === 0) this.#close();
  }

  #close(): void {
    this.#state = "closed";
    for (const read of this.#reads.splice(0)) read.resolve({ done: true, value: undefined });
    this.#reader?.settle((closed) => closed.resolve(undefined));
  }

  #fail(error: unknown): void {
    if (this.#state !== "readable") return;
    this.#state = "errored";
    this.#error = error;
    this.#forget();
    for (const read of this.#reads.splice(0)) read.reject(error);
    this.#reader?.settle((closed) => closed.reject(error));
  }

  async #cancel(reason: unknown): Promise<undefined> {
    if (this.#state === "errored") throw this.#error;
    if (this.#state === "closed") return undefined;
    this.#forget();
    this.#close();
    await this.#source.cancel?.(reason);
    return undefined;
  }

  #forget(): void {
    this.#queue = [];
    this.#queuedSize = 0;
  }
}

/** What a reader does to its stream. */
type Reading<T> = {
  readonly read: () => Promise<Result<T>>;
  readonly cancel: (reason: unknown) => Promise<undefined>;
  readonly release: (error: TypeError) => void;
};

/** The one that reads a stream, until it lets go of it (WHATWG Streams section 4.4). */
class Reader<T> {
  #closed: Deferred<undefined>;
  #reading: Reading<T> | undefined;

  constructor(closed: Deferred<undefined>, reading: Reading<T>) {
    this.#closed = closed;
    this.#reading = reading;
  }

  get closed(): Promise<undefined> {
    return this.#closed.promise;
  }

  async read(): Promise<Result<T>> {
    return this.#held.read();
  }

  async cancel(reason?: unknown): Promise<undefined> {
    return this.#held.cancel(reason);
  }

  releaseLock(): void {
    const error = new TypeError("the reader has let go of its stream");
    const reading = this.#reading;
    if (reading === undefined) return;
    this.#reading = undefined;
    this.#closed.reject(error);
    this.#closed = new Deferred();
    this.#closed.reject(error);
    reading.release(error);
  }

  /** Of the stream alone. */
  settle(how: (closed: Deferred<undefined>) => void): void {
    how(this.#closed);
  }

  get #held(): Reading<T> {
    if (this.#reading === undefined) throw new TypeError("the reader has let go of its stream");
    return this.#reading;
  }
}

function targetEnded(): never {
  throw new TypeError("the stream that is written to has ended");
}
