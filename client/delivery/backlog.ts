import { DeliveryError } from "../errors.ts";

/** Beyond either, nothing more may wait. The first may be larger. */
const MAX_BYTES = 1024 * 1024;
const MAX_COUNT = 1000;

type Waiting<Message> = {
  readonly message: Message;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly stop: () => void;
};

/** Messages that wait for room, in the order of the calls: at most 1,000, or 1 MiB and one message. */
export class Backlog<Message> {
  readonly #onAborted: () => void;
  readonly #waiting: Waiting<Message>[] = [];
  #bytes = 0;

  /** @param onAborted is called after one that waited is gone by its signal. */
  constructor(onAborted: () => void) {
    this.#onAborted = onAborted;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** The one that has waited longest. */
  get first(): Message | undefined {
    return this.#waiting[0]?.message;
  }

  /**
   * Resolves when the message was taken by `shift`.
   * @throws DeliveryError `backlog-full`, `aborted`; what `clear` was given
   */
  wait(message: Message, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_COUNT || this.#bytes >= MAX_BYTES)
        return reject(new DeliveryError("backlog-full"));
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        this.#leave(waiting);
        reject(new DeliveryError("aborted"));
        this.#onAborted();
      };
      const waiting = { message, bytes, resolve, reject, stop: () => signal?.removeEventListener("abort", abort) };
      signal?.addEventListener("abort", abort);
      this.#waiting.push(waiting);
      this.#bytes += bytes;
    });
  }

  /** Takes the first. */
  shift(): Message | undefined {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    this.#leave(waiting);
    waiting.resolve();
    return waiting.message;
  }

  /** Rejects all. */
  clear(error: Error): void {
    for (const waiting of this.#waiting.splice(0)) {
      this.#leave(waiting);
      waiting.reject(error);
    }
  }

  #leave({ bytes, stop }: Waiting<Message>): void {
    this.#bytes -= bytes;
    stop();
  }
}
