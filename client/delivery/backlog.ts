import { DeliveryError, type PosternError } from "../errors.ts";
import { Pending } from "./pending.ts";

/** Beyond either, nothing more may wait. The first may be larger. */
const MAX_BYTES = 1024 * 1024;
const MAX_COUNT = 1000;

/** How a message is sent: `wait: false` rejects with `would-wait` in place of waiting. */
export type WaitingOptions = { readonly signal?: AbortSignal | undefined; readonly wait?: boolean | undefined };

type Waiting<Message> = { readonly message: Message; readonly pending: Pending };

/** Messages that wait for room, in the order of the calls: at most 1,000, or 1 MiB and one message. */
export class Backlog<Message> {
  readonly #onLeft: () => void;
  readonly #waiting = new Set<Waiting<Message>>();
  #bytes = 0;

  /** @param onLeft is called after one is gone, however it went. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  /** The one that has waited longest. */
  get first(): Message | undefined {
    return this.#first?.message;
  }

  /**
   * Resolves when the message was taken by `shift`.
   * @throws DeliveryError `would-wait`, `backlog-full`, `aborted`; what `shift` or `clear` was given
   */
  wait(message: Message, bytes: number, { signal, wait }: WaitingOptions): Promise<void> {
    if (wait === false) return Promise.reject(new DeliveryError("would-wait"));
    if (this.#waiting.size >= MAX_COUNT || this.#bytes >= MAX_BYTES)
      return Promise.reject(new DeliveryError("backlog-full"));
    const pending = new Pending(signal, () => {
      this.#waiting.delete(waiting);
      this.#bytes -= bytes;
      this.#onLeft();
    });
    const waiting = { message, pending };
    this.#waiting.add(waiting);
    this.#bytes += bytes;
    return pending.promise;
  }

  /** Takes the first. @param error rejects it; left out: it is sent. */
  shift(error?: PosternError): void {
    const pending = this.#first?.pending;
    if (error === undefined) pending?.resolve();
    else pending?.reject(error);
  }

  /** Rejects all. */
  clear(error: PosternError): void {
    for (const { pending } of this.#waiting) pending.reject(error);
  }

  get #first(): Waiting<Message> | undefined {
    return this.#waiting.values().next().value;
  }
}
