import type { Lane } from "../delivery/lane.ts";
import { DeliveryError, type PosternError } from "../errors.ts";
import type { KeptBudget } from "./kept-budget.ts";
import type { AbortReason } from "./peer-stream.ts";
import { dataChunk, endChunk, reasonChunk, reasonOf, wellFormed } from "./stream-chunk.ts";
import { StreamError } from "./stream-error.ts";

/** So much waits in the writable itself: enough that a pipe never stands still for want of it. */
const WRITABLE_BYTES = 64 * 1024;

/** Older browsers have no signal there. */
type Controller = WritableStreamDefaultController & { readonly signal?: AbortSignal };

/** What a writable needs of others. */
export type WriteSideParts = {
  readonly lane: Lane;
  readonly budget: KeptBudget;
  /** The largest piece that is sent in one chunk. */
  readonly pieceBytes: () => number;
  /** Whether pieces go as both apps have sealed them. */
  readonly isBound: () => boolean;
  /** It was aborted, by the app or by the peer. */
  readonly onAborted: (error: PosternError) => void;
  /** Nothing follows, and the peer has everything. */
  readonly onDone: () => void;
};

/** What goes to the peer. */
export class WriteSide {
  readonly writable: WritableStream<Uint8Array>;
  readonly #parts: WriteSideParts;
  /** Aborted when nothing more is to be written. */
  readonly #ending = new AbortController();
  readonly #finishing = Promise.withResolvers<void>();
  #controller: Controller | undefined;
  /** The number of its last chunk, once it has one. */
  #lastSeq = Number.POSITIVE_INFINITY;
  #isDone = false;
  #error: PosternError | undefined;

  constructor(parts: WriteSideParts) {
    this.#parts = parts;
    this.#finishing.promise.catch(() => undefined);
    this.writable = new WritableStream<Uint8Array>(
      {
        start: (controller: Controller) => {
          this.#controller = controller;
          const { signal } = controller;
          // At once: the writable itself waits for a write or a close that is under way.
          signal?.addEventListener("abort", () => this.abort(reasonOf(signal.reason)));
        },
        write: (bytes) => this.#write(bytes),
        close: () => this.#close(),
        abort: (reason) => this.abort(reasonOf(reason)),
      },
      { highWaterMark: WRITABLE_BYTES, size: (bytes: unknown) => (bytes instanceof Uint8Array ? bytes.byteLength : 1) },
    );
  }

  /** Nothing follows, and the peer has everything; or it has failed. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The peer has confirmed something. */
  acknowledged(): void {
    const { budget, lane } = this.#parts;
    if (this.#isDone) return;
    budget.update(lane);
    if (lane.sender.numbers.first > this.#lastSeq) this.#finish();
  }

  /** Ends it, unless it has ended; the peer is told why. */
  abort(reason: AbortReason): void {
    this.#giveUp(new StreamError(wellFormed(reason)), reason);
  }

  /** Fails, and nobody is told. */
  fail(error: PosternError): void {
    if (this.#isDone) return;
    this.#fail(error);
    this.#finish();
  }

  async #write(bytes: unknown): Promise<void> {
    const { lane, budget, pieceBytes, isBound } = this.#parts;
    const { signal } = this.#ending;
    if (!(bytes instanceof Uint8Array)) {
      // The writable fails with what is thrown here, and calls nothing else.
      const error = new DeliveryError("data-invalid");
      this.#giveUp(error, reasonOf(error));
      throw error;
    }
    try {
      const size = pieceBytes();
      for (let at = 0; at < bytes.byteLength; at += size) {
        await budget.room(lane, signal);
        if (signal.aborted) throw new DeliveryError("aborted");
        const piece = bytes.subarray(at, at + size);
        await lane.send({ frame: dataChunk(lane.stream, piece, { isBound: isBound() }) }, { signal });
      }
    } catch (error) {
      throw this.#error ?? error;
    }
  }

  #close(): Promise<void> {
    const { lane } = this.#parts;
    this.#lastSeq = lane.add({ frame: endChunk(lane.stream) });
    return this.#finishing.promise;
  }

  #giveUp(error: PosternError, reason: AbortReason): void {
    const { lane, onAborted } = this.#parts;
    if (this.#isDone || this.#error !== undefined) return;
    const droppedCount = lane.dropUnsent(error);
    // Its end is on its way: nothing can be taken back.
    if (Number.isFinite(this.#lastSeq) && droppedCount === 0) return;
    this.#fail(error);
    this.#lastSeq = lane.add({ frame: reasonChunk(lane.stream, "abort", reason), isControl: true });
    onAborted(error);
    this.acknowledged();
  }

  #fail(error: PosternError): void {
    this.#error ??= error;
    this.#ending.abort();
    this.#controller?.error(error);
    this.#finishing.reject(error);
  }

  #finish(): void {
    this.#isDone = true;
    this.#parts.budget.forget(this.#parts.lane);
    this.#finishing.resolve();
    this.#parts.onDone();
  }
}
